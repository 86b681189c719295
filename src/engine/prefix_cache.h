// Which KV blocks are free, which belong to sequences, and which are kept because a later prompt
// may begin with the same tokens. A block is an index; its memory belongs to the executor.
//
// A block of 64 positions that is computed is registered under its content: its 64 tokens and the
// block before it, so under every token up to its end. A prompt that begins with registered blocks
// takes them instead of computing them; the same tokens have the same keys and values, to the bit
// (engine/executor.h). Two sequences that computed the same block end up with one.
//
//     free ──Grow──► private ──Register──► cached, owned ◄──Release, Adopt──► cached, unowned
//      ▲                │ Release, or the content is cached already                  │
//      └────────────────┴──────────────── eviction: the longest unused leaf ─────────┘
//
// Invariants (Verify says which is broken):
//  1. A block is free, private to one lease and not cached, or cached with any number of owners.
//  2. The parent of a cached block is cached, and whoever owns a block owns its parent.
//  3. No two cached blocks have the same parent and the same tokens.
//  4. What leases have reserved can be had: it is at most the free and the unowned blocks. (By 2
//     the descendants of an unowned block are unowned, so evicting leaf first reaches all.)
//  5. The evictable blocks are exactly the cached ones without owners and without children.
//  6. Every block in the window of a lease has a companion, pinned by those leases and nobody else
//     (engine/window_blocks.h); leases have no more in their windows than they were promised, and
//     all promises together can be had.
//
// Where layers with a window have blocks of their own, a prompt begins behind cached blocks only if
// those in the window of its next position have their companions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/typed_index.h"
#include "engine/executor.h"
#include "engine/kv_block_pool.h"
#include "engine/window_blocks.h"

namespace millrace {

// Layers that see a window, with KV blocks of their own.
struct KvWindow {
  std::int32_t positions = 0;  // the longest window; 0: there are no such layers
  std::int32_t step = 0;       // tokens that a sequence computes at once, at most
  std::int32_t blocks = 0;     // in all

  // Those that a lease of `blocks` can need at once: for the positions that the first of a step
  // sees, and for the step, wherever they begin in a block.
  std::int32_t MostBlocks(std::int32_t lease_blocks) const {
    const std::int64_t most =
        (std::int64_t{positions} - 1 + step + kPositionsPerKvBlock - 2) / kPositionsPerKvBlock + 1;
    return static_cast<std::int32_t>(std::min<std::int64_t>(lease_blocks, most));
  }
};

// The KV blocks of one sequence. Changed by PrefixCache only.
struct KvLease {
  std::vector<std::int32_t> blocks;  // block i holds positions [64 i, 64 i + 64)
  std::int32_t reserved = 0;         // blocks that Grow may still take
  std::int32_t registered = 0;       // of the blocks, the first so many are cached
  // Of layers with a window: block i has window_blocks[i], from window_begin on. Those before are
  // given up.
  std::vector<std::int32_t> window_blocks;
  std::int32_t window_begin = 0;
  std::int32_t window_promised = 0;  // at once

  std::int64_t positions() const {
    return static_cast<std::int64_t>(blocks.size()) * kPositionsPerKvBlock;
  }
};

// A number for 64 tokens behind a block with the number `parent` (0: at the beginning). It only
// finds candidates quickly: whether tokens are the same is decided by the tokens.
using KvBlockHash = std::uint64_t (*)(std::uint64_t parent, std::span<const TokenId> tokens);
std::uint64_t HashKvBlock(std::uint64_t parent, std::span<const TokenId> tokens);

class PrefixCache {
 public:
  explicit PrefixCache(std::int32_t blocks, KvBlockHash hash = &HashKvBlock,
                       const KvWindow& window = {});

  // Blocks that a new lease could have now, cached content aside.
  std::int32_t available() const;

  // A lease of at most `blocks` blocks for a sequence that begins with `prompt`: it has the cached
  // blocks that the prompt begins with, never the one with the prompt's last token (whose logits
  // are wanted, so it must be computed), and the rest reserved. Nothing if there is no room.
  std::optional<KvLease> Lease(std::span<const TokenId> prompt, std::int32_t blocks);

  // Takes further cached blocks that `prompt` goes on with, if all blocks of the lease are
  // registered: another sequence may have computed them since. Returns how many.
  std::int32_t Adopt(KvLease& lease, std::span<const TokenId> prompt);

  // Says that the next position to be computed is `position`, or a later one: what lies behind its
  // window is given up. To be called before Grow; does nothing without windows.
  void Slide(KvLease& lease, std::int64_t position);

  // Takes blocks, evicting where needed, until the lease has `positions`; within what it reserved.
  void Grow(KvLease& lease, std::int64_t positions);

  // Registers the complete blocks of `computed`, all tokens of the sequence whose keys and values
  // are there. May replace a block by a cached one with the same content.
  void Register(KvLease& lease, std::span<const TokenId> computed);

  // Gives everything back. What is registered stays cached until its memory is needed.
  void Release(KvLease& lease);

  // The invariant that is broken if `leases` are all there are; empty if none. For tests: slow.
  std::string Verify(std::span<const KvLease* const> leases) const;

 private:
  static constexpr std::int32_t kNone = -1;

  struct Block {
    std::int32_t owners = 0;
    bool cached = false;
    // The rest is of cached blocks.
    std::int32_t parent = kNone;
    std::int32_t children = 0;  // cached blocks whose parent this is
    std::uint64_t hash = 0;
    std::uint64_t last_used = 0;  // the clock when its last owner went
    std::vector<TokenId> tokens;  // 64
  };

  Block& at(std::int32_t block) { return blocks_[static_cast<std::size_t>(block)]; }
  const Block& at(std::int32_t block) const { return blocks_[static_cast<std::size_t>(block)]; }

  std::int32_t Find(std::int32_t parent, std::span<const TokenId> tokens) const;
  std::int32_t FindHits(KvLease& lease, std::span<const TokenId> prompt) const;
  bool HasWindow(const KvLease& lease) const;
  std::int32_t WindowBegin(std::int64_t position) const;
  void OwnHits(KvLease& lease, std::int32_t hits);
  std::string VerifyWindows(std::span<const KvLease* const> leases) const;
  std::int32_t FindNext(const KvLease& lease, std::span<const TokenId> prompt) const;
  std::uint64_t HashOf(std::int32_t parent, std::span<const TokenId> tokens) const;
  void Own(std::int32_t block);
  void Disown(std::int32_t block);
  void UpdateEvictable(std::int32_t block);
  void Evict();
  std::string VerifyBlock(std::int32_t block, std::int32_t owners) const;

  KvBlockHash hash_;
  KvBlockPool pool_;
  std::vector<Block> blocks_;
  std::unordered_multimap<std::uint64_t, std::int32_t> by_hash_;  // the cached blocks
  std::set<std::pair<std::uint64_t, std::int32_t>> evictable_;    // (last_used, block)
  std::int32_t unowned_ = 0;                                      // cached blocks without owners
  std::int32_t reserved_ = 0;                                     // by all leases
  std::uint64_t clock_ = 0;
  KvWindow window_;
  std::optional<WindowBlocks> companions_;  // if there are layers with a window
  std::int32_t promised_ = 0;               // of them, to all leases
};

}  // namespace millrace

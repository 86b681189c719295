// Memory for layers that see a window only: KV blocks of their own, as many as windows need.
//
// A KV block of the layers that see everything may have a companion, which holds the same positions
// of the layers with a window. Leases pin the companions within their window. What nobody pins
// stays, so that a later prompt may begin behind it, until its memory is needed: the longest
// unpinned goes first. A block without its companion still serves the other layers.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "engine/kv_block_pool.h"

namespace millrace {

class WindowBlocks {
 public:
  static constexpr std::int32_t kNone = -1;

  // For KV blocks [0, blocks), with `companions` to be had in all.
  WindowBlocks(std::int32_t blocks, std::int32_t companions);

  std::int32_t companions() const { return companions_; }
  // kNone if the block has none.
  std::int32_t Of(std::int32_t block) const { return at(block).companion; }
  bool Has(std::int32_t block) const { return Of(block) != kNone; }
  std::int32_t pins(std::int32_t block) const { return at(block).pins; }

  // Gives the block, which has none, a companion, pinned once. Fewer than all must be pinned.
  void Take(std::int32_t block);
  void Pin(std::int32_t block);  // one that it has
  void Unpin(std::int32_t block);
  // A pin of `from` becomes one of `to`, which holds the same positions of the same tokens; the
  // companion goes along if `to` has none. Nobody else pins `from`.
  void Move(std::int32_t from, std::int32_t to);
  // The block is given up; nobody pins its companion, if it has one.
  void Free(std::int32_t block);

 private:
  struct Entry {
    std::int32_t companion = kNone;
    std::int32_t pins = 0;
    std::uint64_t unpinned = 0;  // the clock when its last pin went
  };

  Entry& at(std::int32_t block) { return entries_[static_cast<std::size_t>(block)]; }
  const Entry& at(std::int32_t block) const { return entries_[static_cast<std::size_t>(block)]; }

  std::int32_t companions_;
  KvBlockPool pool_;
  std::vector<Entry> entries_;                                 // by block
  std::set<std::pair<std::uint64_t, std::int32_t>> unpinned_;  // (when, block)
  std::uint64_t clock_ = 0;
};

}  // namespace millrace

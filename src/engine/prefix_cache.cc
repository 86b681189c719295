#include "engine/prefix_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/check.h"

namespace millrace {
namespace {

constexpr auto kBlock = static_cast<std::size_t>(kPositionsPerKvBlock);

std::span<const TokenId> TokensOf(std::span<const TokenId> tokens, std::size_t block) {
  return tokens.subspan(block * kBlock, kBlock);
}

}  // namespace

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014) over each token in turn.
std::uint64_t HashKvBlock(std::uint64_t parent, std::span<const TokenId> tokens) {
  std::uint64_t hash = parent;
  for (const TokenId token : tokens) {
    hash += 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(token.value);
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    hash ^= hash >> 31;
  }
  return hash;
}

PrefixCache::PrefixCache(std::int32_t blocks, KvBlockHash hash, const KvWindow& window)
    : hash_(hash), pool_(blocks), blocks_(static_cast<std::size_t>(blocks)), window_(window) {
  if (window.positions > 0) companions_.emplace(blocks, window.blocks);
}

std::int32_t PrefixCache::available() const { return pool_.free_blocks() + unowned_ - reserved_; }

std::optional<KvLease> PrefixCache::Lease(std::span<const TokenId> prompt, std::int32_t blocks) {
  MILLRACE_CHECK(static_cast<std::int64_t>(blocks) * kPositionsPerKvBlock >=
                 static_cast<std::int64_t>(prompt.size()));
  KvLease lease;
  const std::int32_t cached = FindHits(lease, prompt);
  std::int32_t unowned = 0;
  for (const std::int32_t block : lease.blocks) unowned += at(block).owners == 0 ? 1 : 0;
  if (blocks - cached > available() - unowned) return std::nullopt;
  if (companions_) {
    lease.window_promised = window_.MostBlocks(blocks);
    if (promised_ + lease.window_promised > companions_->companions()) return std::nullopt;
    promised_ += lease.window_promised;
    lease.window_blocks.reserve(static_cast<std::size_t>(blocks));
  }
  lease.blocks.reserve(static_cast<std::size_t>(blocks));
  lease.reserved = blocks;
  reserved_ += blocks;
  OwnHits(lease, cached);
  return lease;
}

std::int32_t PrefixCache::Adopt(KvLease& lease, std::span<const TokenId> prompt) {
  if (lease.registered != static_cast<std::int32_t>(lease.blocks.size())) return 0;
  const std::int32_t adopted = FindHits(lease, prompt);
  OwnHits(lease, adopted);
  return adopted;
}

// Appends the cached blocks that `prompt` goes on with, and that can be gone on from. Returns how
// many; they are not owned yet.
std::int32_t PrefixCache::FindHits(KvLease& lease, std::span<const TokenId> prompt) const {
  const std::size_t before = lease.blocks.size();
  for (std::int32_t block; (block = FindNext(lease, prompt)) != kNone;)
    lease.blocks.push_back(block);
  while (lease.blocks.size() > before && !HasWindow(lease)) lease.blocks.pop_back();
  return static_cast<std::int32_t>(lease.blocks.size() - before);
}

// Whether what the position behind the lease's blocks sees is there for layers with a window too.
bool PrefixCache::HasWindow(const KvLease& lease) const {
  if (!companions_) return true;
  const auto begin = lease.blocks.begin() + WindowBegin(lease.positions());
  return std::all_of(begin, lease.blocks.end(),
                     [&](std::int32_t block) { return companions_->Has(block); });
}

// The block with the first position that `position` sees.
std::int32_t PrefixCache::WindowBegin(std::int64_t position) const {
  const std::int64_t first = std::max<std::int64_t>(position - window_.positions + 1, 0);
  return static_cast<std::int32_t>(first / kPositionsPerKvBlock);
}

// The last `hits` blocks of the lease, which it has reserved, are its own from now on.
void PrefixCache::OwnHits(KvLease& lease, std::int32_t hits) {
  MILLRACE_CHECK(lease.reserved >= hits);
  for (auto block = lease.blocks.end() - hits; block != lease.blocks.end(); ++block) Own(*block);
  lease.registered += hits;
  lease.reserved -= hits;
  reserved_ -= hits;
  if (!companions_ || hits == 0) return;
  const auto size = static_cast<std::int32_t>(lease.blocks.size());
  for (std::int32_t i = size - hits; i < size; ++i) lease.window_blocks.push_back(kNone);
  const std::int32_t begin = WindowBegin(lease.positions());
  for (std::int32_t i = std::max(begin, size - hits); i < size; ++i) {
    const auto index = static_cast<std::size_t>(i);
    companions_->Pin(lease.blocks[index]);
    lease.window_blocks[index] = companions_->Of(lease.blocks[index]);
  }
  for (std::int32_t i = lease.window_begin; i < std::min(begin, size - hits); ++i) {
    const auto index = static_cast<std::size_t>(i);
    companions_->Unpin(lease.blocks[index]);
    lease.window_blocks[index] = kNone;
  }
  lease.window_begin = std::max(lease.window_begin, begin);
}

void PrefixCache::Slide(KvLease& lease, std::int64_t position) {
  if (!companions_) return;
  const auto size = static_cast<std::int32_t>(lease.blocks.size());
  const std::int32_t begin = std::min(WindowBegin(position), size);
  for (; lease.window_begin < begin; ++lease.window_begin) {
    const auto index = static_cast<std::size_t>(lease.window_begin);
    companions_->Unpin(lease.blocks[index]);
    lease.window_blocks[index] = kNone;
  }
}

void PrefixCache::Grow(KvLease& lease, std::int64_t positions) {
  while (lease.positions() < positions) {
    MILLRACE_CHECK(lease.reserved > 0);
    if (pool_.free_blocks() == 0) Evict();
    const std::int32_t block = pool_.Take(1)[0];
    at(block).owners = 1;
    lease.blocks.push_back(block);
    --lease.reserved;
    --reserved_;
    if (!companions_) continue;
    MILLRACE_CHECK(static_cast<std::int32_t>(lease.blocks.size()) - lease.window_begin <=
                   lease.window_promised);
    companions_->Take(block);
    lease.window_blocks.push_back(companions_->Of(block));
  }
}

void PrefixCache::Register(KvLease& lease, std::span<const TokenId> computed) {
  MILLRACE_CHECK(static_cast<std::int64_t>(computed.size()) <= lease.positions());
  const std::size_t complete = computed.size() / kBlock;
  for (auto i = static_cast<std::size_t>(lease.registered); i < complete; ++i) {
    const std::int32_t parent = i == 0 ? kNone : lease.blocks[i - 1];
    const std::span<const TokenId> tokens = TokensOf(computed, i);
    ++lease.registered;
    const std::int32_t same = Find(parent, tokens);
    const std::int32_t block = lease.blocks[i];
    if (same != kNone) {
      Own(same);
      lease.blocks[i] = same;
      if (companions_ && i >= static_cast<std::size_t>(lease.window_begin)) {
        companions_->Move(block, same);
        lease.window_blocks[i] = companions_->Of(same);
      }
      Disown(block);
      continue;
    }
    at(block).cached = true;
    at(block).parent = parent;
    at(block).hash = HashOf(parent, tokens);
    at(block).tokens.assign(tokens.begin(), tokens.end());
    by_hash_.emplace(at(block).hash, block);
    if (parent != kNone) ++at(parent).children;
  }
}

void PrefixCache::Release(KvLease& lease) {
  ++clock_;
  if (companions_) {
    for (auto i = static_cast<std::size_t>(lease.window_begin); i < lease.blocks.size(); ++i)
      companions_->Unpin(lease.blocks[i]);
    promised_ -= lease.window_promised;
  }
  for (const std::int32_t block : lease.blocks) Disown(block);
  reserved_ -= lease.reserved;
  lease = {};
}

// The cached block that follows the lease's in `prompt` and does not hold its last token, or kNone.
std::int32_t PrefixCache::FindNext(const KvLease& lease, std::span<const TokenId> prompt) const {
  const std::size_t next = lease.blocks.size();
  if ((next + 1) * kBlock >= prompt.size()) return kNone;
  return Find(next == 0 ? kNone : lease.blocks.back(), TokensOf(prompt, next));
}

std::int32_t PrefixCache::Find(std::int32_t parent, std::span<const TokenId> tokens) const {
  if (by_hash_.empty()) return kNone;
  const auto [begin, end] = by_hash_.equal_range(HashOf(parent, tokens));
  const auto found = std::find_if(begin, end, [&](const auto& entry) {
    const Block& block = at(entry.second);
    return block.parent == parent &&
           std::equal(tokens.begin(), tokens.end(), block.tokens.begin(), block.tokens.end());
  });
  return found == end ? kNone : found->second;
}

std::uint64_t PrefixCache::HashOf(std::int32_t parent, std::span<const TokenId> tokens) const {
  return hash_(parent == kNone ? 0 : at(parent).hash, tokens);
}

void PrefixCache::Own(std::int32_t block) {
  if (at(block).cached && at(block).owners == 0) --unowned_;
  ++at(block).owners;
  UpdateEvictable(block);
}

void PrefixCache::Disown(std::int32_t block) {
  Block& state = at(block);
  MILLRACE_CHECK(state.owners > 0);
  if (--state.owners > 0) return;
  if (!state.cached) {
    if (companions_) companions_->Free(block);
    return pool_.Give({block});
  }
  ++unowned_;
  state.last_used = clock_;
  UpdateEvictable(block);
}

void PrefixCache::UpdateEvictable(std::int32_t block) {
  const Block& state = at(block);
  const std::pair entry{state.last_used, block};
  if (state.cached && state.owners == 0 && state.children == 0) {
    evictable_.insert(entry);
  } else {
    evictable_.erase(entry);
  }
}

void PrefixCache::Evict() {
  MILLRACE_CHECK(!evictable_.empty());
  const std::int32_t block = evictable_.begin()->second;
  evictable_.erase(evictable_.begin());
  --unowned_;
  const auto [begin, end] = by_hash_.equal_range(at(block).hash);
  by_hash_.erase(
      std::find_if(begin, end, [block](const auto& entry) { return entry.second == block; }));
  const std::int32_t parent = at(block).parent;
  at(block) = {};
  if (companions_) companions_->Free(block);
  pool_.Give({block});
  if (parent == kNone) return;
  --at(parent).children;
  UpdateEvictable(parent);
}

std::string PrefixCache::Verify(std::span<const KvLease* const> leases) const {
  std::vector<std::int32_t> owners(blocks_.size());
  std::int32_t reserved = 0;
  for (const KvLease* lease : leases) {
    reserved += lease->reserved;
    for (std::size_t i = 0; i < lease->blocks.size(); ++i) {
      const std::int32_t block = lease->blocks[i];
      ++owners[static_cast<std::size_t>(block)];
      const bool registered = i < static_cast<std::size_t>(lease->registered);
      if (registered != at(block).cached) return fmt::format("1: lease block {}", i);
      if (registered && at(block).parent != (i == 0 ? kNone : lease->blocks[i - 1]))
        return fmt::format("2: lease block {} has another parent", i);
    }
  }
  std::int32_t held = 0, unowned = 0;
  std::map<std::pair<std::int32_t, std::vector<TokenId>>, int> contents;
  for (std::int32_t block = 0; block < static_cast<std::int32_t>(blocks_.size()); ++block) {
    const Block& state = at(block);
    if (std::string broken = VerifyBlock(block, owners[static_cast<std::size_t>(block)]);
        !broken.empty())
      return broken;
    held += state.cached || state.owners > 0 ? 1 : 0;
    unowned += state.cached && state.owners == 0 ? 1 : 0;
    if (state.cached && ++contents[{state.parent, state.tokens}] > 1)
      return fmt::format("3: block {} is there twice", block);
  }
  if (held + pool_.free_blocks() != static_cast<std::int32_t>(blocks_.size()))
    return "1: blocks are lost";
  if (unowned != unowned_ || reserved != reserved_ || available() < 0) return "4: counts";
  if (by_hash_.size() != contents.size()) return "3: the index";
  return companions_ ? VerifyWindows(leases) : "";
}

std::string PrefixCache::VerifyWindows(std::span<const KvLease* const> leases) const {
  std::vector<std::int32_t> pins(blocks_.size());
  std::int32_t promised = 0;
  for (const KvLease* lease : leases) {
    promised += lease->window_promised;
    if (lease->window_blocks.size() != lease->blocks.size()) return "6: a table's size";
    const auto begin = static_cast<std::size_t>(lease->window_begin);
    if (lease->blocks.size() > begin + static_cast<std::size_t>(lease->window_promised))
      return "6: more than was promised";
    for (std::size_t i = 0; i < lease->blocks.size(); ++i) {
      const std::int32_t block = lease->blocks[i];
      if (i >= begin) ++pins[static_cast<std::size_t>(block)];
      if (lease->window_blocks[i] != (i < begin ? kNone : companions_->Of(block)))
        return fmt::format("6: lease block {} has another companion", i);
    }
  }
  if (promised != promised_ || promised > companions_->companions()) return "6: promises";
  std::vector<bool> taken(static_cast<std::size_t>(companions_->companions()));
  for (std::int32_t block = 0; block < static_cast<std::int32_t>(blocks_.size()); ++block) {
    if (companions_->pins(block) != pins[static_cast<std::size_t>(block)])
      return fmt::format("6: the pins of block {}", block);
    if (!companions_->Has(block)) continue;
    if (at(block).owners == 0 && !at(block).cached)
      return fmt::format("6: block {} is free", block);
    const auto companion = static_cast<std::size_t>(companions_->Of(block));
    if (taken[companion]) return fmt::format("6: companion {} has two blocks", companion);
    taken[companion] = true;
  }
  return "";
}

std::string PrefixCache::VerifyBlock(std::int32_t block, std::int32_t owners) const {
  const Block& state = at(block);
  if (state.owners != owners) return fmt::format("1: block {} has {} owners", block, owners);
  if (!state.cached && owners > 1) return fmt::format("1: private block {} is shared", block);
  if (state.cached && state.parent != kNone &&
      (!at(state.parent).cached || at(state.parent).owners < owners))
    return fmt::format("2: the parent of block {}", block);
  const auto children = std::count_if(blocks_.begin(), blocks_.end(), [block](const Block& other) {
    return other.cached && other.parent == block;
  });
  if (children != state.children) return fmt::format("5: block {} has {}", block, children);
  const bool evictable = state.cached && owners == 0 && children == 0;
  if (evictable != evictable_.contains({state.last_used, block}))
    return fmt::format("5: block {} in the evictable ones", block);
  return "";
}

}  // namespace millrace

#include "engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"

namespace millrace {
namespace {

using Tokens = std::vector<TokenId>;

// "aab" is two blocks of token 'a' and one of 'b'; `more` further tokens 'z' follow.
Tokens Blocks(const std::string& letters, std::size_t more = 0) {
  Tokens tokens;
  for (const char letter : letters)
    tokens.insert(tokens.end(), kPositionsPerKvBlock, TokenId{letter});
  tokens.insert(tokens.end(), more, TokenId{'z'});
  return tokens;
}

KvLease Compute(PrefixCache& cache, const Tokens& tokens, std::int32_t blocks) {
  auto lease = cache.Lease(tokens, blocks);
  MILLRACE_CHECK(lease.has_value());
  cache.Grow(*lease, static_cast<std::int64_t>(tokens.size()));
  cache.Register(*lease, tokens);
  return std::move(*lease);
}

void ComputeAndRelease(PrefixCache& cache, const Tokens& tokens) {
  KvLease lease = Compute(cache, tokens, static_cast<std::int32_t>((tokens.size() + 63) / 64));
  cache.Release(lease);
}

std::int32_t CachedBlocks(PrefixCache& cache, const Tokens& prompt) {
  auto lease = cache.Lease(prompt, static_cast<std::int32_t>((prompt.size() + 63) / 64));
  if (!lease.has_value()) return -1;
  const std::int32_t cached = lease->registered;
  cache.Release(*lease);
  return cached;
}

TEST(PrefixCache, APromptTakesTheBlocksItBeginsWith) {
  PrefixCache cache(8);
  ComputeAndRelease(cache, Blocks("abc", 5));
  EXPECT_EQ(CachedBlocks(cache, Blocks("abc", 1)), 3);
  EXPECT_EQ(CachedBlocks(cache, Blocks("abx", 1)), 2);
  EXPECT_EQ(CachedBlocks(cache, Blocks("xbc", 1)), 0);
  EXPECT_EQ(CachedBlocks(cache, Blocks("bc", 1)), 0) << "the same block elsewhere";
}

TEST(PrefixCache, TheBlockOfTheLastPromptTokenIsComputed) {
  PrefixCache cache(8);
  ComputeAndRelease(cache, Blocks("abc"));
  EXPECT_EQ(CachedBlocks(cache, Blocks("abc")), 2);
  EXPECT_EQ(CachedBlocks(cache, Blocks("abc", 1)), 3);
  Tokens short_prompt = Blocks("a");
  short_prompt.pop_back();
  EXPECT_EQ(CachedBlocks(cache, short_prompt), 0);
}

TEST(PrefixCache, AnIncompleteBlockIsNotRegistered) {
  PrefixCache cache(8);
  Tokens tokens = Blocks("ab");
  tokens.pop_back();
  ComputeAndRelease(cache, tokens);
  EXPECT_EQ(CachedBlocks(cache, Blocks("ab", 1)), 1);
}

TEST(PrefixCache, TheLongestUnusedLeafGoesFirst) {
  PrefixCache cache(6);
  ComputeAndRelease(cache, Blocks("ab"));
  ComputeAndRelease(cache, Blocks("cd"));
  ComputeAndRelease(cache, Blocks("ax"));  // uses a, again
  KvLease lease = *cache.Lease(Blocks("y"), 2);
  cache.Grow(lease, 128);  // one free block, and the one of b
  cache.Release(lease);
  EXPECT_EQ(CachedBlocks(cache, Blocks("ab", 1)), 1);
  EXPECT_EQ(CachedBlocks(cache, Blocks("ax", 1)), 2);
  EXPECT_EQ(CachedBlocks(cache, Blocks("cd", 1)), 2);
}

TEST(PrefixCache, AParentOutlivesItsChildren) {
  PrefixCache cache(4);
  ComputeAndRelease(cache, Blocks("abc"));
  for (std::int32_t left = 3; left >= 0; --left) {
    KvLease lease = *cache.Lease(Blocks("x"), 4 - left);
    cache.Grow(lease, 64 * (4 - left));
    cache.Release(lease);
    EXPECT_EQ(CachedBlocks(cache, Blocks("abc", 1)), left);
  }
}

TEST(PrefixCache, OwnedBlocksAreNeverEvicted) {
  PrefixCache cache(3);
  KvLease first = Compute(cache, Blocks("ab"), 2);
  EXPECT_EQ(cache.available(), 1);
  EXPECT_FALSE(cache.Lease(Blocks("x"), 2).has_value());
  KvLease second = *cache.Lease(Blocks("ab", 1), 3);
  EXPECT_EQ(second.blocks, first.blocks);
  EXPECT_EQ(cache.available(), 0);
  cache.Release(first);
  EXPECT_EQ(cache.available(), 0) << "the second lease still owns them";
  cache.Release(second);
  EXPECT_EQ(cache.available(), 3);
}

TEST(PrefixCache, AReservationHoldsItsPlaceUntilItIsUsed) {
  PrefixCache cache(4);
  ComputeAndRelease(cache, Blocks("abc"));
  KvLease lease = *cache.Lease(Blocks("x"), 4);
  EXPECT_EQ(cache.available(), 0);
  EXPECT_FALSE(cache.Lease(Blocks("abc", 1), 4).has_value()) << "room only if x is thrown out";
  cache.Grow(lease, 64);
  cache.Release(lease);
  EXPECT_EQ(CachedBlocks(cache, Blocks("abc", 1)), 3) << "a reservation alone evicts nothing";
}

TEST(PrefixCache, TwoThatComputedTheSameEndUpWithOneBlock) {
  PrefixCache cache(4);
  KvLease first = *cache.Lease(Blocks("ab"), 2), second = *cache.Lease(Blocks("ab"), 2);
  cache.Grow(first, 128);
  cache.Grow(second, 128);
  cache.Register(first, Blocks("ab"));
  cache.Register(second, Blocks("ab"));
  EXPECT_EQ(first.blocks, second.blocks);
  EXPECT_EQ(cache.available(), 2);
}

TEST(PrefixCache, AWaitingPromptAdoptsWhatAnotherComputedMeanwhile) {
  PrefixCache cache(8);
  KvLease late = *cache.Lease(Blocks("abc", 1), 4);
  KvLease first = Compute(cache, Blocks("abx"), 3);
  EXPECT_EQ(cache.Adopt(late, Blocks("abc", 1)), 2);
  EXPECT_EQ(late.blocks[1], first.blocks[1]);
  cache.Grow(late, 193);
  EXPECT_EQ(cache.Adopt(late, Blocks("abc", 1)), 0) << "its blocks are not computed yet";
}

TEST(PrefixCache, ACollisionOfHashesIsNoHit) {
  PrefixCache cache(8, [](std::uint64_t, std::span<const TokenId>) { return std::uint64_t{7}; });
  ComputeAndRelease(cache, Blocks("ab"));
  ComputeAndRelease(cache, Blocks("cd"));
  EXPECT_EQ(CachedBlocks(cache, Blocks("ab", 1)), 2);
  EXPECT_EQ(CachedBlocks(cache, Blocks("cb", 1)), 1);
  EXPECT_EQ(CachedBlocks(cache, Blocks("e", 1)), 0);
}

TEST(PrefixCache, TheHashDependsOnTheParentAndOnEveryToken) {
  const Tokens tokens = Blocks("a");
  std::set<std::uint64_t> seen{HashKvBlock(0, tokens), HashKvBlock(1, tokens)};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Tokens changed = tokens;
    changed[i].value ^= 1;
    seen.insert(HashKvBlock(0, changed));
  }
  EXPECT_EQ(seen.size(), 66u);
}

// What the cache is, by prefixes: no blocks, no hashes, no counts, no lists. A prefix stands for
// its last block.
class PrefixModel {
 public:
  explicit PrefixModel(int capacity) : capacity_(capacity) {}

  std::string Hits(const std::string& prompt) const {
    std::string hit;
    while (hit.size() + 1 < prompt.size() && cached_.contains(prompt.substr(0, hit.size() + 1)))
      hit = prompt.substr(0, hit.size() + 1);
    return hit;
  }
  void OwnOne(const std::string& prefix) { ++cached_[prefix].owners; }
  void OwnAll(const std::string& text) {
    for (std::size_t n = 1; n <= text.size(); ++n) OwnOne(text.substr(0, n));
  }
  void ReleaseAll(const std::string& text) {
    ++clock_;
    for (std::size_t n = 1; n <= text.size(); ++n) {
      Entry& entry = cached_[text.substr(0, n)];
      if (--entry.owners == 0) entry.last_used = clock_;
    }
  }
  void TakePrivate() {
    if (in_use() == capacity_) Evict();
    ++private_;
  }
  void GivePrivate(int count) { private_ -= count; }
  int in_use() const { return private_ + static_cast<int>(cached_.size()); }
  int unowned() const {
    return static_cast<int>(std::count_if(cached_.begin(), cached_.end(), [](const auto& entry) {
      return entry.second.owners == 0;
    }));
  }
  int unowned_of(const std::string& text) const {
    int count = 0;
    for (std::size_t n = 1; n <= text.size(); ++n)
      count += cached_.at(text.substr(0, n)).owners == 0 ? 1 : 0;
    return count;
  }
  int free_or_unowned() const { return capacity_ - in_use() + unowned(); }

 private:
  struct Entry {
    int owners = 0;
    int last_used = 0;
  };

  void Evict() {
    auto oldest = cached_.end();
    for (auto entry = cached_.begin(); entry != cached_.end(); ++entry) {
      const auto next = std::next(entry);  // in order of names an extension comes right after
      const bool leaf = next == cached_.end() || !next->first.starts_with(entry->first);
      if (entry->second.owners > 0 || !leaf) continue;
      if (oldest == cached_.end() || entry->second.last_used < oldest->second.last_used)
        oldest = entry;
    }
    ASSERT_NE(oldest, cached_.end());
    cached_.erase(oldest);
  }

  int capacity_, private_ = 0, clock_ = 0;
  std::map<std::string, Entry> cached_;
};

// A sequence of the random test: letters are blocks.
struct Walker {
  std::string prompt;  // the last letter is only begun, so it is never a hit
  std::string text;    // the blocks it has, complete ones first
  int total = 0;       // blocks it may have
  KvLease lease;
  std::size_t registered = 0;
};

class RandomOperations {
 public:
  RandomOperations(std::uint32_t seed, KvBlockHash hash)
      : random_(seed), cache_(kCapacity, hash), model_(kCapacity), content_(kCapacity) {}

  void One() {
    const auto choice = random_() % 8;
    if (choice < 2 || walkers_.empty()) {
      Begin();
    } else if (choice < 6) {
      Advance(Any());
    } else if (choice < 7) {
      Adopt(Any());
    } else {
      End();
    }
    std::vector<const KvLease*> leases;
    int reserved = 0;
    for (const Walker& walker : walkers_) {
      leases.push_back(&walker.lease);
      reserved += walker.lease.reserved;
      CheckContent(walker);
    }
    ASSERT_EQ(cache_.Verify(leases), "");
    ASSERT_EQ(cache_.available(), model_.free_or_unowned() - reserved);
  }

  int begun = 0, hits = 0, refused = 0;

 private:
  static constexpr int kCapacity = 12;

  Walker& Any() {
    return *std::next(walkers_.begin(), static_cast<long>(random_() % walkers_.size()));
  }

  char Letter() { return static_cast<char>('a' + (random_() % 3)); }

  void Begin() {
    Walker walker;
    for (auto n = 1 + random_() % 4; n > 0; --n) walker.prompt += Letter();
    walker.total = static_cast<int>(walker.prompt.size() + random_() % 3);
    Tokens prompt = Blocks(walker.prompt);
    prompt.pop_back();
    const std::string hit = model_.Hits(walker.prompt);
    int reserved = 0;
    for (const Walker& other : walkers_) reserved += other.lease.reserved;
    const bool room = walker.total - static_cast<int>(hit.size()) <=
                      model_.free_or_unowned() - model_.unowned_of(hit) - reserved;
    auto lease = cache_.Lease(prompt, walker.total);
    ASSERT_EQ(lease.has_value(), room);
    if (!room) {
      ++refused;
      return;
    }
    model_.OwnAll(hit);
    ++begun;
    hits += static_cast<int>(hit.size());
    ASSERT_EQ(static_cast<std::size_t>(lease->registered), hit.size());
    walker.lease = std::move(*lease);
    walker.text = hit;
    walker.registered = hit.size();
    walkers_.push_back(std::move(walker));
  }

  // Computes and registers a block, or only begins it.
  void Advance(Walker& walker) {
    if (walker.registered == walker.text.size()) {
      if (static_cast<int>(walker.text.size()) == walker.total) return;
      const std::size_t next = walker.text.size();
      walker.text += next + 1 < walker.prompt.size() ? walker.prompt[next] : Letter();
      cache_.Grow(walker.lease, static_cast<std::int64_t>(walker.text.size()) * 64 - 3);
      model_.TakePrivate();
      content_[static_cast<std::size_t>(walker.lease.blocks.back())] = walker.text;
      return;
    }
    cache_.Register(walker.lease, Blocks(walker.text));
    ++walker.registered;
    model_.GivePrivate(1);
    model_.OwnOne(walker.text);
  }

  void Adopt(Walker& walker) {
    if (walker.text.size() >= walker.prompt.size()) return;  // it writes its reply
    Tokens prompt = Blocks(walker.prompt);
    prompt.pop_back();
    std::string expected = walker.text;
    if (walker.registered == walker.text.size()) expected = model_.Hits(walker.prompt);
    for (std::size_t n = walker.text.size() + 1; n <= expected.size(); ++n)
      model_.OwnOne(expected.substr(0, n));
    const std::int32_t adopted = cache_.Adopt(walker.lease, prompt);
    ASSERT_EQ(static_cast<std::size_t>(adopted), expected.size() - walker.text.size());
    walker.text = expected;
    walker.registered += static_cast<std::size_t>(adopted);
  }

  void End() {
    Walker& walker = Any();
    model_.ReleaseAll(walker.text.substr(0, walker.registered));
    model_.GivePrivate(static_cast<int>(walker.text.size() - walker.registered));
    cache_.Release(walker.lease);
    walkers_.remove_if([&](const Walker& other) { return &other == &walker; });
  }

  void CheckContent(const Walker& walker) const {
    ASSERT_EQ(walker.lease.blocks.size(), walker.text.size());
    for (std::size_t i = 0; i < walker.text.size(); ++i) {
      ASSERT_EQ(content_[static_cast<std::size_t>(walker.lease.blocks[i])],
                walker.text.substr(0, i + 1));
    }
  }

  std::mt19937 random_;
  PrefixCache cache_;
  PrefixModel model_;
  std::vector<std::string> content_;  // by block: everything up to its end, as it was written
  std::list<Walker> walkers_;
};

TEST(PrefixCache, DoesWhatAMapOfPrefixesDoesOverThousandsOfOperations) {
  const KvBlockHash poor = [](std::uint64_t, std::span<const TokenId> tokens) {
    return static_cast<std::uint64_t>(tokens[0].value % 2);
  };
  for (const KvBlockHash hash : {&HashKvBlock, poor}) {
    RandomOperations operations(11, hash);
    for (int i = 0; i < 5000; ++i) {
      operations.One();
      ASSERT_FALSE(HasFatalFailure()) << "operation " << i;
    }
    EXPECT_GT(operations.begun, 400);
    EXPECT_GT(operations.hits, 300);
    EXPECT_GT(operations.refused, 50);
  }
}

}  // namespace
}  // namespace millrace

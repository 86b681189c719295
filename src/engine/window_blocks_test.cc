// Blocks of layers with a window: what a lease holds of them, what a prompt may begin behind, and
// the invariants over random operations.
#include "engine/window_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "engine/prefix_cache.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using Tokens = std::vector<TokenId>;

// "ab" is a block of token 'a' and one of 'b', and one token more.
Tokens Prompt(const std::string& letters) {
  Tokens tokens;
  for (const char letter : letters)
    tokens.insert(tokens.end(), kPositionsPerKvBlock, TokenId{letter});
  tokens.push_back(TokenId{'z'});
  return tokens;
}
Tokens Text(const std::string& letters) {
  Tokens tokens = Prompt(letters);
  tokens.pop_back();
  return tokens;
}

// Computes the blocks of `letters` behind those that the lease has, one a step.
void Compute(PrefixCache& cache, KvLease& lease, const std::string& letters) {
  for (std::size_t n = lease.blocks.size(); n < letters.size(); ++n) {
    cache.Slide(lease, static_cast<std::int64_t>(64 * n));
    cache.Grow(lease, static_cast<std::int64_t>(64 * (n + 1)));
    cache.Register(lease, Text(letters.substr(0, n + 1)));
  }
}

std::int32_t Hits(PrefixCache& cache, const std::string& letters) {
  auto lease = cache.Lease(Prompt(letters), static_cast<std::int32_t>(letters.size()) + 1);
  MILLRACE_CHECK(lease.has_value());
  const std::int32_t hits = lease->registered;
  cache.Release(*lease);
  return hits;
}

TEST(WindowBlocks, AreAsManyAsAWindowAndAStepCanTouch) {
  // Position p and the 9 behind it see from p - 69 on: 79 positions, at worst 1 + 64 + 14.
  EXPECT_EQ((KvWindow{.positions = 70, .step = 10}.MostBlocks(100)), 3);
  // 66 positions: 1 + 64 + 1; one less fits two.
  EXPECT_EQ((KvWindow{.positions = 66, .step = 1}.MostBlocks(100)), 3);
  EXPECT_EQ((KvWindow{.positions = 65, .step = 1}.MostBlocks(100)), 2);
  EXPECT_EQ((KvWindow{.positions = 1, .step = 1}.MostBlocks(100)), 1);
  EXPECT_EQ((KvWindow{.positions = 4096, .step = 512}.MostBlocks(20)), 20) << "all it has";
}

TEST(WindowBlocks, ALeaseKeepsThoseThatItsNextPositionSees) {
  PrefixCache cache(8, &HashKvBlock, {.positions = 65, .step = 64, .blocks = 3});
  KvLease lease = *cache.Lease(Prompt("abcde"), 6);
  EXPECT_EQ(lease.window_promised, 3);
  Compute(cache, lease, "abcde");  // with three blocks: the first have been taken again
  cache.Slide(lease, 319);         // sees from 255 on
  EXPECT_EQ(lease.window_begin, 3);
  cache.Slide(lease, 320);
  EXPECT_EQ(lease.window_begin, 4);
  EXPECT_EQ(lease.window_blocks[3], WindowBlocks::kNone);
  EXPECT_GE(lease.window_blocks[4], 0);
}

TEST(WindowBlocks, APromptBeginsOnlyWhereItsWindowIsThere) {
  PrefixCache cache(12, &HashKvBlock, {.positions = 65, .step = 64, .blocks = 3});
  KvLease lease = *cache.Lease(Prompt("abcdef"), 7);
  Compute(cache, lease, "abcdef");
  cache.Release(lease);  // d, e and f have companions
  EXPECT_EQ(Hits(cache, "abcdef"), 6);
  EXPECT_EQ(Hits(cache, "abcdex"), 5);
  EXPECT_EQ(Hits(cache, "abcdxx"), 4) << "the position behind it sees the last block of d";
  EXPECT_EQ(Hits(cache, "abcxxx"), 0) << "c, b and a are there for other layers only";
}

TEST(WindowBlocks, WhatALeaseMayNeedIsPromisedToNobodyElse) {
  PrefixCache cache(100, &HashKvBlock, {.positions = 65, .step = 64, .blocks = 5});
  KvLease first = *cache.Lease(Prompt("abcd"), 5);
  EXPECT_FALSE(cache.Lease(Prompt("xyz"), 4).has_value());
  KvLease second = *cache.Lease(Prompt("x"), 2);
  cache.Release(first);
  EXPECT_TRUE(cache.Lease(Prompt("xyz"), 4).has_value());
  cache.Release(second);
}

// A sequence of the random test: letters are blocks.
struct Walker {
  std::string prompt;
  std::string text;  // the blocks it has
  int total = 0;
  KvLease lease;
};

class RandomOperations {
 public:
  RandomOperations(std::uint32_t seed, const KvWindow& window)
      : random_(seed), window_(window), cache_(kCapacity, &HashKvBlock, window) {
    content_.resize(static_cast<std::size_t>(window.blocks));
  }

  void One() {
    const auto choice = random_() % 8;
    if (choice < 2 || walkers_.empty()) {
      Begin();
    } else if (choice < 5) {
      Advance(Any());
    } else if (choice < 7) {
      Adopt(Any());
    } else {
      End();
    }
    std::vector<const KvLease*> leases;
    for (const Walker& walker : walkers_) {
      leases.push_back(&walker.lease);
      CheckContent(walker);
    }
    ASSERT_EQ(cache_.Verify(leases), "");
  }

  int begun = 0, hits = 0, adopted = 0;

 private:
  static constexpr int kCapacity = 20;

  Walker& Any() {
    return *std::next(walkers_.begin(), static_cast<long>(random_() % walkers_.size()));
  }
  char Letter() { return static_cast<char>('a' + random_() % 2); }

  void Begin() {
    Walker walker;
    for (auto n = 1 + random_() % 8; n > 0; --n) walker.prompt += Letter();
    if (!walkers_.empty() && random_() % 3 == 0) walker.prompt = Any().prompt;
    walker.total = static_cast<int>(walker.prompt.size() + 1 + random_() % 4);
    auto lease = cache_.Lease(Prompt(walker.prompt), walker.total);
    if (!lease.has_value()) return;
    ++begun;
    hits += lease->registered;
    walker.text = walker.prompt.substr(0, static_cast<std::size_t>(lease->registered));
    walker.lease = std::move(*lease);
    walkers_.push_back(std::move(walker));
  }

  // Computes a block, and registers it at once or with the next.
  void Advance(Walker& walker) {
    const std::size_t next = walker.text.size();
    if (static_cast<int>(next) == walker.total) return;
    walker.text += next < walker.prompt.size() ? walker.prompt[next] : Letter();
    cache_.Register(walker.lease, Text(walker.text.substr(0, next)));
    cache_.Slide(walker.lease, static_cast<std::int64_t>(64 * next));
    cache_.Grow(walker.lease, static_cast<std::int64_t>(64 * (next + 1)));
    content_[static_cast<std::size_t>(walker.lease.window_blocks.back())] = walker.text;
    if (random_() % 4 != 0) cache_.Register(walker.lease, Text(walker.text));
  }

  void Adopt(Walker& walker) {
    if (walker.text.size() >= walker.prompt.size()) return;
    const std::int32_t count = cache_.Adopt(walker.lease, Prompt(walker.prompt));
    adopted += count;
    walker.text = walker.prompt.substr(0, walker.text.size() + static_cast<std::size_t>(count));
  }

  void End() {
    Walker& walker = Any();
    cache_.Release(walker.lease);
    walkers_.remove_if([&](const Walker& other) { return &other == &walker; });
  }

  // Whatever the position behind the lease's blocks sees is there, as it was computed.
  void CheckContent(const Walker& walker) const {
    const KvLease& lease = walker.lease;
    ASSERT_EQ(lease.window_blocks.size(), walker.text.size());
    const auto first = lease.positions() - window_.positions + 1;
    for (std::int64_t i = std::max<std::int64_t>(first, 0) / 64; 64 * i < lease.positions(); ++i) {
      const auto index = static_cast<std::size_t>(i);
      ASSERT_GE(lease.window_blocks[index], 0);
      ASSERT_EQ(content_[static_cast<std::size_t>(lease.window_blocks[index])],
                walker.text.substr(0, index + 1));
    }
  }

  std::mt19937 random_;
  KvWindow window_;
  PrefixCache cache_;
  std::vector<std::string> content_;  // by companion: everything up to its end
  std::list<Walker> walkers_;
};

TEST(WindowBlocks, HoldTheInvariantsOverThousandsOfOperations) {
  int adopted = 0;
  for (const KvWindow& window : {KvWindow{.positions = 1, .step = 64, .blocks = 6},
                                 KvWindow{.positions = 100, .step = 64, .blocks = 8},
                                 KvWindow{.positions = 150, .step = 64, .blocks = 40}}) {
    RandomOperations operations(5, window);
    for (int i = 0; i < 5000; ++i) {
      operations.One();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "operation " << i;
    }
    EXPECT_GT(operations.begun, 300);
    EXPECT_GT(operations.hits, 150);
    adopted += operations.adopted;
  }
  EXPECT_GT(adopted, 20);
}

}  // namespace
}  // namespace millrace

#include "engine/recent_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "base/philox.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;

// Compares with a deque that is counted anew after every token.
void ExpectCountsOfTheLast(int window) {
  constexpr int kVocabulary = 12;
  RecentTokens recent(kVocabulary, window);
  std::deque<int> wanted;
  for (std::uint64_t step = 0; step < 500; ++step) {
    const int token = static_cast<int>(DrawUniform(3, 0, step) * kVocabulary);
    recent.Push(TokenId{token});
    wanted.push_back(token);
    if (window >= 0 && wanted.size() > static_cast<std::size_t>(window)) wanted.pop_front();
    for (int t = 0; t < kVocabulary; ++t) {
      ASSERT_EQ(recent.count(TokenId{t}), std::count(wanted.begin(), wanted.end(), t));
    }
    std::multiset<int> distinct;
    for (const TokenId t : recent.distinct()) distinct.insert(t.value);
    const std::set<int> wanted_distinct(wanted.begin(), wanted.end());
    ASSERT_TRUE(std::equal(distinct.begin(), distinct.end(), wanted_distinct.begin(),
                           wanted_distinct.end()));
  }
}

TEST(RecentTokens, CountsTheTokensOfTheWindow) {
  for (const int window : {1, 2, 5, 64, 1000}) ExpectCountsOfTheLast(window);
}

TEST(RecentTokens, WithoutAnEndCountsEverything) { ExpectCountsOfTheLast(-1); }

TEST(RecentTokens, AWindowOf0RemembersNothing) {
  RecentTokens recent(4, 0);
  recent.Push(TokenId{3});
  EXPECT_THAT(recent.distinct(), IsEmpty());
  EXPECT_EQ(recent.count(TokenId{3}), 0);
}

}  // namespace
}  // namespace millrace

#include "engine/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/philox.h"

namespace millrace {

void PrintTo(const Candidate& candidate, std::ostream* out) {
  *out << candidate.token.value << ": " << candidate.logit;
}

namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Random logits of `levels` different values: few levels, many ties. Every 37th is NaN, if asked
// for.
enum class NaNs { kNone, kSome };
std::vector<float> RandomLogits(std::size_t count, int levels, std::uint64_t seed, NaNs nans) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i) {
    logits[i] = static_cast<float>(std::floor(DrawUniform(seed, 0, i) * levels)) - 3.0f;
    if (nans == NaNs::kSome && i % 37 == 5) logits[i] = kNaN;
  }
  return logits;
}

// What Candidates must find, by sorting everything.
std::vector<Candidate> Ranked(const std::vector<float>& logits) {
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!std::isnan(logits[i])) all.push_back({logits[i], TokenId{static_cast<int>(i)}});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  return all;
}

TEST(ArgMax, TakesTheLowestIdAmongEquals) {
  for (const std::size_t count : {1u, 2u, 63u, 64u, 1023u, 1024u, 1025u, 5000u}) {
    for (const int levels : {1, 3, 1'000'000}) {
      const auto logits = RandomLogits(count, levels, count, NaNs::kNone);
      EXPECT_EQ(ArgMax(logits), Ranked(logits)[0].token) << count << " logits, " << levels;
    }
  }
}

TEST(ArgMax, FindsTheMaximumAtEveryPlace) {
  std::vector<float> logits(2100, 1.0f);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = 2.0f;
    EXPECT_EQ(ArgMax(logits).index(), i);
    logits[i] = 1.0f;
  }
}

TEST(ArgMax, NeverTakesNaN) {
  std::vector<float> logits(2000, kNaN);
  logits[1500] = -kInfinity;
  EXPECT_EQ(ArgMax(logits), TokenId{1500});
  logits[1700] = -3;
  EXPECT_EQ(ArgMax(logits), TokenId{1700});
}

TEST(ArgMax, OfNothingButNaNIsToken0) {
  EXPECT_EQ(ArgMax(std::vector<float>(2000, kNaN)), TokenId{0});
}

TEST(ArgMax, TakesTheFirstPlusInfinity) {
  std::vector<float> logits(2000, 0.0f);
  logits[1999] = logits[1100] = kInfinity;
  EXPECT_EQ(ArgMax(logits), TokenId{1100});
}

TEST(ArgMax, ZerosOfBothSignsAreEqual) {
  EXPECT_EQ(ArgMax(std::vector<float>{-1, -0.0f, 0.0f}), TokenId{1});
  EXPECT_EQ(ArgMax(std::vector<float>{-1, 0.0f, -0.0f}), TokenId{1});
}

TEST(Candidates, LargestAreTheFirstOfAFullSort) {
  for (const std::size_t count : {1u, 5u, 64u, 65u, 1000u, 4096u, 5001u}) {
    for (const int levels : {1, 2, 7, 1'000'000}) {
      for (const NaNs nans : {NaNs::kNone, NaNs::kSome}) {
        const auto logits = RandomLogits(count, levels, count, nans);
        const auto ranked = Ranked(logits);
        for (const std::size_t k : {std::size_t{1}, std::size_t{2}, std::size_t{40}, count}) {
          if (k > count) continue;
          Candidates candidates(count, k);
          EXPECT_EQ(candidates.Scan(logits), ranked[0].logit);
          const std::vector<Candidate> wanted(
              ranked.begin(), ranked.begin() + static_cast<long>(std::min(k, ranked.size())));
          const auto found = candidates.Largest(k);
          EXPECT_TRUE(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end()))
              << count << " logits of " << levels << " levels, k " << k;
        }
      }
    }
  }
}

TEST(Candidates, LargestMayBeAskedAgainWithAnotherCount) {
  const auto logits = RandomLogits(3000, 100'000, 1, NaNs::kNone);
  const auto ranked = Ranked(logits);
  Candidates candidates(3000, 3000);
  candidates.Scan(logits);
  for (const std::size_t k : {100u, 3000u, 7u}) {
    EXPECT_THAT(candidates.Largest(k), ElementsAreArray(ranked.data(), k));
  }
}

TEST(Candidates, OfNothingButNaNThereAreNone) {
  const std::vector<float> logits(200, kNaN);
  Candidates candidates(200, 200);
  EXPECT_EQ(candidates.Scan(logits), -kInfinity);
  EXPECT_THAT(candidates.Largest(200), IsEmpty());
  EXPECT_THAT(candidates.Largest(1), IsEmpty());
}

TEST(Candidates, MinusInfinityRanksLastButRanks) {
  std::vector<float> logits(200, -kInfinity);
  logits[150] = -1e30f;
  Candidates candidates(200, 3);
  candidates.Scan(logits);
  const Candidate wanted[] = {
      {-1e30f, TokenId{150}}, {-kInfinity, TokenId{0}}, {-kInfinity, TokenId{1}}};
  EXPECT_THAT(candidates.Largest(3), ElementsAreArray(wanted));
}

TEST(Candidates, AtLeastKeepsTheThresholdItselfAndAscendsById) {
  const auto logits = RandomLogits(1000, 50, 3, NaNs::kSome);
  Candidates candidates(1000, 1000);
  candidates.Scan(logits);
  std::vector<Candidate> wanted;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= 20) wanted.push_back({logits[i], TokenId{static_cast<int>(i)}});
  }
  EXPECT_THAT(candidates.AtLeast(20), ElementsAreArray(wanted));
}

}  // namespace
}  // namespace millrace

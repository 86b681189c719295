#include "engine/logprobs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/philox.h"

namespace millrace {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr double kImpossible = -std::numeric_limits<double>::infinity();

TEST(Logprobs, AreThoseOfTheSoftmax) {
  std::vector<float> logits(1000);
  double mass = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>(10 * DrawUniform(1, 0, i));
    mass += std::exp(double{logits[i]});
  }
  Logprobs logprobs(logits.size(), 5);
  const TopLogprobs top = logprobs.Top(logits, TokenId{123}, 5);
  EXPECT_EQ(top.chosen.token, TokenId{123});
  EXPECT_NEAR(top.chosen.logprob, logits[123] - std::log(mass), 1e-6);
  ASSERT_EQ(top.best.size(), 5u);
  EXPECT_EQ(top.best[0].token, ArgMax(logits));
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(top.best[i].logprob, logits[top.best[i].token.index()] - std::log(mass), 1e-6);
    if (i > 0) {
      EXPECT_LE(top.best[i].logprob, top.best[i - 1].logprob);
    }
  }
}

TEST(Logprobs, EqualsComeByAscendingId) {
  Logprobs logprobs(4, 4);
  const TopLogprobs top = logprobs.Top(std::vector<float>{0, 1, 0, 1}, TokenId{0}, 4);
  const int wanted[] = {1, 3, 0, 2};
  ASSERT_EQ(top.best.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(top.best[i].token.value, wanted[i]);
}

TEST(Logprobs, OfNoneBesideTheChosenAreEmpty) {
  Logprobs logprobs(3, 0);
  const TopLogprobs top = logprobs.Top(std::vector<float>{1, 1, -kInfinity}, TokenId{1}, 0);
  EXPECT_DOUBLE_EQ(top.chosen.logprob, -std::log(2.0));
  EXPECT_TRUE(top.best.empty());
}

TEST(Logprobs, MoreThanTheVocabularyIsTheVocabulary) {
  Logprobs logprobs(3, 20);
  EXPECT_EQ(logprobs.Top(std::vector<float>{1, 2, 3}, TokenId{0}, 20).best.size(), 3u);
}

TEST(Logprobs, NaNIsImpossibleAndNotAmongTheBest) {
  Logprobs logprobs(3, 3);
  const TopLogprobs top = logprobs.Top(std::vector<float>{kNaN, 2, -kInfinity}, TokenId{0}, 3);
  EXPECT_EQ(top.chosen.logprob, kImpossible);
  ASSERT_EQ(top.best.size(), 2u);
  EXPECT_EQ(top.best[0], (TokenLogprob{TokenId{1}, 0}));
  EXPECT_EQ(top.best[1], (TokenLogprob{TokenId{2}, kImpossible}));
}

TEST(Logprobs, InfiniteLogitsShareTheProbability) {
  Logprobs logprobs(4, 4);
  const TopLogprobs top =
      logprobs.Top(std::vector<float>{kInfinity, 2, kInfinity, 1}, TokenId{2}, 2);
  EXPECT_DOUBLE_EQ(top.chosen.logprob, -std::log(2.0));
  EXPECT_DOUBLE_EQ(top.best[1].logprob, -std::log(2.0));
  EXPECT_EQ(logprobs.Top(std::vector<float>{kInfinity, 2, 0, 1}, TokenId{1}, 0).chosen.logprob,
            kImpossible);
}

TEST(Logprobs, OfNothingAboveMinusInfinityAreAllImpossible) {
  Logprobs logprobs(2, 2);
  const TopLogprobs top = logprobs.Top(std::vector<float>{-kInfinity, kNaN}, TokenId{0}, 2);
  EXPECT_EQ(top.chosen.logprob, kImpossible);
  ASSERT_EQ(top.best.size(), 1u);
  EXPECT_EQ(top.best[0].logprob, kImpossible);
}

}  // namespace
}  // namespace millrace

#include "engine/draft_pace.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace {
namespace {

// What k tokens bring by the words of the header, summed up one by one.
double Rate(double chance, const DraftCosts::Price& price, int k) {
  double tokens = 0;
  for (int i = 0; i <= k; ++i) tokens += std::pow(chance, i);
  return tokens / (1 + (k > 0 ? price.fixed : 0) + price.each * k);
}

TEST(DraftPace, TheBestLengthIsTheBestOfAll) {
  for (const double chance : {0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0}) {
    for (const DraftCosts::Price price : {DraftCosts::Price{0, 0.02}, DraftCosts::Price{0.3, 0.1},
                                          DraftCosts::Price{1, 0.5}, DraftCosts::Price{0, 1.5}}) {
      const int best = BestDraftLength(chance, price, 12);
      for (int k = 0; k <= 12; ++k)
        EXPECT_GE(Rate(chance, price, best), Rate(chance, price, k) - 1e-12) << chance << " " << k;
    }
  }
  EXPECT_EQ(BestDraftLength(1, {0.1, 0.1}, 12), 12);
  EXPECT_EQ(BestDraftLength(0, {0, 0}, 12), 0);
}

// Lets a sequence run in a world with true costs, and returns the time of a token in plain steps.
double TimePerToken(double true_chance, double fixed, double each, int steps, int* proposals) {
  DraftCosts costs;
  DraftPace pace;
  double time = 0, tokens = 0, carry = 0;
  for (int step = 0; step < steps; ++step) {
    const std::int32_t k = costs.Knows(1) ? pace.Next(costs.price(1), 16) : 0;
    if (k == 0) {
      costs.ObservePlain(1e-3, 1);
      time += 1;
      tokens += 1;
      continue;
    }
    *proposals += k;
    std::int32_t accepted = 0;
    for (; accepted < k; ++accepted) {  // an even spread of failures
      carry += 1 - true_chance;
      if (carry < 1) continue;
      carry -= 1;
      break;
    }
    const double cost = 1 + fixed + each * k;
    costs.ObserveDrafted(1e-3 * cost, 1, static_cast<std::size_t>(k));
    pace.Observe(k, accepted);
    time += cost;
    tokens += accepted + 1;
  }
  return time / tokens;
}

TEST(DraftPace, LosesLittleWhenNothingIsAccepted) {
  for (const double each : {0.05, 0.3, 1.0}) {
    int proposals = 0;
    EXPECT_LT(TimePerToken(0, 0.3, each, 2000, &proposals), 1.03) << each;
    EXPECT_GT(proposals, 0);
  }
}

TEST(DraftPace, ComesNearTheBestWhenTheChanceIsSteady) {
  for (const double chance : {0.5, 0.8, 0.95}) {
    const DraftCosts::Price price{0.2, 0.1};
    int proposals = 0;
    const double best = 1 / Rate(chance, price, BestDraftLength(chance, price, 16));
    EXPECT_LT(TimePerToken(chance, price.fixed, price.each, 2000, &proposals), best * 1.15);
  }
}

TEST(DraftPace, ANewSequenceBeginsWithWhatIsBelieved) {
  const DraftCosts::Price price{0.2, 0.1};
  EXPECT_EQ(DraftPace(0.01).Next(price, 16), 0);
  EXPECT_GT(DraftPace(0.9).Next(price, 16), 4);
}

TEST(DraftPace, ATrialThatFailsIsOver) {
  DraftPace pace(0.01);
  const DraftCosts::Price price{0.2, 0.1};
  int asked = 0;
  for (int i = 0; i < 12; ++i) {
    const std::int32_t k = pace.Next(price, 16);
    if (k == 0) continue;
    ++asked;
    pace.Observe(k, 0);
  }
  EXPECT_EQ(asked, 1);
}

TEST(DraftPace, ADraftAsSlowAsItsTargetIsLeftAlone) {
  int proposals = 0;
  EXPECT_LT(TimePerToken(0.9, 0.2, 1.2, 2000, &proposals), 1.05);
}

TEST(DraftPace, NoticesThatGuessesBecameGood) {
  DraftPace pace;
  const DraftCosts::Price price{0.2, 0.1};
  for (int i = 0; i < 2000; ++i) {
    const std::int32_t k = pace.Next(price, 16);
    if (k > 0) pace.Observe(k, 0);
  }
  int steps = 0;
  for (; pace.chance() < 0.9 && steps < 1500; ++steps) {
    const std::int32_t k = pace.Next(price, 16);
    if (k > 0) pace.Observe(k, k);
  }
  EXPECT_LT(steps, 600);
}

TEST(DraftCosts, FindsThePartsOfTheTime) {
  DraftCosts costs;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(costs.Knows(3));
    costs.ObservePlain(2e-3, 3);
  }
  EXPECT_TRUE(costs.Knows(3));
  EXPECT_FALSE(costs.Knows(2));
  for (std::size_t i = 0; i < 100; ++i) {
    const std::size_t k = 1 + i % 12;
    costs.ObserveDrafted(2e-3 + 0.4e-3 + 0.1e-3 * static_cast<double>(k), 3, k);
  }
  const DraftCosts::Price price = costs.price(3);
  EXPECT_NEAR(price.fixed, 0.2, 0.02);
  EXPECT_NEAR(price.each, 3 * 0.05, 0.01);
}

TEST(DraftCosts, OneInterruptionDoesNotEndProposals) {
  DraftCosts costs;
  for (int i = 0; i < 2; ++i) costs.ObservePlain(1e-4, 1);
  for (int i = 0; i < 50; ++i) costs.ObserveDrafted(1e-4 + 0.2e-4 + 8 * 0.05e-4, 1, 8);
  costs.ObserveDrafted(20e-3, 1, 8);
  EXPECT_GT(BestDraftLength(0.8, costs.price(1), 16), 2);
}

TEST(DraftCosts, PlainStepsAreTimedAgainAfterAWhile) {
  DraftCosts costs;
  for (int i = 0; i < 2; ++i) costs.ObservePlain(1e-3, 1);
  int known = 0;
  while (costs.Knows(1)) ++known;
  EXPECT_GT(known, 100);
  EXPECT_LT(known, 1000);
  costs.ObservePlain(1e-3, 1);
  EXPECT_TRUE(costs.Knows(1));
}

}  // namespace
}  // namespace millrace

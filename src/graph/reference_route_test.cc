#include "graph/reference_route.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace millrace {
namespace {

using Weights = std::vector<float>;

// Routes as doubles would have it, for the experts that are said to be chosen.
Weights Softmax(const Weights& logits, const std::vector<std::size_t>& over) {
  double sum = 0;
  for (const std::size_t e : over) sum += std::exp(static_cast<double>(logits[e]));
  Weights result(logits.size(), 0.0f);
  for (const std::size_t e : over) {
    result[e] = static_cast<float>(std::exp(static_cast<double>(logits[e])) / sum);
  }
  return result;
}

void ExpectNear(const Weights& found, const Weights& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t e = 0; e < found.size(); ++e) {
    EXPECT_NEAR(found[e], wanted[e], 1e-6 * wanted[e]) << e;  // a few roundings; 0 exactly
  }
}

TEST(ReferenceRoute, SoftmaxIsOverAllExperts) {
  const Weights logits = {0.5f, 2.0f, -1.0f, 1.0f};
  Weights wanted = Softmax(logits, {0, 1, 2, 3});
  wanted[0] = wanted[2] = 0;
  ExpectNear(ReferenceRoute({.logits = {}, .chosen = 2}, {}, logits), wanted);
}

TEST(ReferenceRoute, SoftmaxOfChosenIsOverThemAlone) {
  const Weights logits = {0.5f, 2.0f, -1.0f, 1.0f};
  const Route route{.logits = {}, .chosen = 2, .weights = RouteWeights::kSoftmaxOfChosen};
  ExpectNear(ReferenceRoute(route, {}, logits), Softmax(logits, {1, 3}));
}

TEST(ReferenceRoute, SigmoidsStandForThemselves) {
  const Route route{.logits = {}, .chosen = 1, .weights = RouteWeights::kSigmoid, .scale = 2.5f};
  ExpectNear(ReferenceRoute(route, {}, Weights{1.0f, 0.0f}),
             {static_cast<float>(2.5 / (1 + std::exp(-1.0))), 0});
}

TEST(ReferenceRoute, NormalisedWeightsAddUpToTheScale) {
  const Weights logits = {0.5f, 2.0f, -1.0f, 1.0f};
  const Route route{.logits = {}, .chosen = 2, .normalise = true, .scale = 3};
  Weights wanted = Softmax(logits, {1, 3});  // the factor of the softmax over all cancels out
  for (float& weight : wanted) weight *= 3;
  ExpectNear(ReferenceRoute(route, {}, logits), wanted);
}

TEST(ReferenceRoute, ASumBelowTwoToMinus14CountsAsThat) {
  const Route route{
      .logits = {}, .chosen = 1, .weights = RouteWeights::kSigmoid, .normalise = true};
  const Weights routes = ReferenceRoute(route, {}, Weights{-20.0f, -30.0f});
  EXPECT_NEAR(routes[0], std::exp(-20.0) * 0x1p14, 1e-6 * routes[0]);
}

TEST(ReferenceRoute, TiesGoToTheLowerIndex) {
  const Weights routes = ReferenceRoute({.logits = {}, .chosen = 2}, {}, Weights{0, 1, 1, 1});
  EXPECT_EQ(routes[0], 0);
  EXPECT_GT(routes[1], 0);
  EXPECT_GT(routes[2], 0);
  EXPECT_EQ(routes[3], 0);
}

TEST(ReferenceRoute, TheBiasChoosesAndDoesNotWeigh) {
  const Route route{.logits = {}, .chosen = 1, .weights = RouteWeights::kSigmoid};
  const Weights bias = {0, 0, 5};
  EXPECT_EQ(ReferenceRoute(route, bias, Weights{2, 1, 0}), (Weights{0, 0, 0.5f}));
}

// Groups {0, 1}, {2, 3}, {4, 5}. The best expert is alone in its group, whose two best together are
// behind those of both others.
TEST(ReferenceRoute, GroupsCountByTheirTwoBest) {
  Route route{.logits = {},
              .chosen = 2,
              .weights = RouteWeights::kSoftmaxOfChosen,
              .groups = 3,
              .chosen_groups = 1};
  const Weights logits = {5, -9, 1, 2, 3, 4};
  ExpectNear(ReferenceRoute(route, {}, logits), Softmax(logits, {4, 5}));
  route.chosen_groups = 2;
  route.chosen = 3;
  ExpectNear(ReferenceRoute(route, {}, logits), Softmax(logits, {3, 4, 5}));
  route.chosen_groups = 3;
  ExpectNear(ReferenceRoute(route, {}, logits), Softmax(logits, {0, 4, 5}));
}

TEST(ReferenceRoute, TheBestExpertOfAWorseGroupIsNotChosen) {
  const Route route{.logits = {},
                    .chosen = 2,
                    .weights = RouteWeights::kSoftmaxOfChosen,
                    .groups = 2,
                    .chosen_groups = 1};
  const Weights logits = {-50, 10, 9, -48};  // {0, 1}: -40, {2, 3}: -39
  ExpectNear(ReferenceRoute(route, {}, logits), Softmax(logits, {2, 3}));
}

}  // namespace
}  // namespace millrace

#include "model/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace {
namespace {

RopeConfig Config(RopeScaling scaling, double factor) {
  RopeConfig config;
  config.dimensions = 128;
  config.base = 10000;
  config.scaling = scaling;
  config.factor = factor;
  config.original_context_length = 4096;
  return config;
}

double Unscaled(std::size_t pair) { return std::pow(10000.0, -static_cast<double>(pair) / 64); }

TEST(RopeTable, PairsSlowDownGeometricallyFromOneRadian) {
  const RopeTable table = BuildRopeTable(Config(RopeScaling::kNone, 8), {});
  ASSERT_EQ(table.frequencies.size(), 64u);
  EXPECT_EQ(table.magnitude, 1);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_NEAR(table.frequencies[i], Unscaled(i), 1e-14 * Unscaled(i)) << i;
  }
}

TEST(RopeTable, LinearScalingDividesEveryPair) {
  const RopeTable table = BuildRopeTable(Config(RopeScaling::kLinear, 8), {});
  EXPECT_EQ(table.magnitude, 1);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_NEAR(table.frequencies[i], Unscaled(i) / 8, 1e-14 * Unscaled(i)) << i;
  }
}

TEST(RopeTable, DivisorsDivideTheirPairs) {
  std::vector<float> divisors(64, 1.0f);
  divisors[5] = 2;
  divisors[63] = 32;
  const RopeTable table = BuildRopeTable(Config(RopeScaling::kNone, 1), divisors);
  EXPECT_NEAR(table.frequencies[4], Unscaled(4), 1e-14);
  EXPECT_NEAR(table.frequencies[5], Unscaled(5) / 2, 1e-14);
  EXPECT_NEAR(table.frequencies[63], Unscaled(63) / 32, 1e-17);
}

// With 128 dimensions, base 10000 and a context of 4096, 32 turns are made by pair 20.95 and one
// turn by pair 45.03: the line goes from pair 20 to pair 46.
TEST(RopeTable, YarnKeepsFastPairsScalesSlowOnesAndMixesInBetween) {
  const RopeTable table = BuildRopeTable(Config(RopeScaling::kYarn, 8), {});
  for (std::size_t i = 0; i < 64; ++i) {
    const double share = i <= 20 ? 1 : i >= 46 ? 0 : (46 - static_cast<double>(i)) / 26;
    const double wanted = Unscaled(i) * (share + (1 - share) / 8);
    EXPECT_NEAR(table.frequencies[i], wanted, 1e-14 * wanted) << i;
  }
}

TEST(RopeTable, YarnEndsAtTheTurnsThatAreConfigured) {
  RopeConfig config = Config(RopeScaling::kYarn, 8);
  config.beta_fast = config.beta_slow = 4;  // pair 35.4: the line goes from 35 to 36
  const RopeTable table = BuildRopeTable(config, {});
  EXPECT_NEAR(table.frequencies[35], Unscaled(35), 1e-14);
  EXPECT_NEAR(table.frequencies[36], Unscaled(36) / 8, 1e-14);
}

TEST(RopeTable, YarnMagnifiesByTheLogarithmOfTheFactor) {
  RopeConfig config = Config(RopeScaling::kYarn, 8);
  EXPECT_NEAR(BuildRopeTable(config, {}).magnitude, 1.2079441541679836, 1e-15);
  config.attention_factor = 0.5;
  EXPECT_NEAR(BuildRopeTable(config, {}).magnitude, 0.6039720770839918, 1e-15);
  config.factor = 0.5;  // nothing to make up for
  EXPECT_EQ(BuildRopeTable(config, {}).magnitude, 0.5);
}

TEST(RopeTable, YarnWithoutExtrapolationIsLinear) {
  RopeConfig config = Config(RopeScaling::kYarn, 8);
  config.extrapolation = 0;
  const RopeTable table = BuildRopeTable(config, {});
  EXPECT_EQ(table.magnitude, 1);
  EXPECT_EQ(table.frequencies, BuildRopeTable(Config(RopeScaling::kLinear, 8), {}).frequencies);
}

TEST(RopeTable, YarnMixesInAsMuchOfTheUnscaledAngleAsConfigured) {
  RopeConfig config = Config(RopeScaling::kYarn, 8);
  config.extrapolation = 0.5;
  const RopeTable table = BuildRopeTable(config, {});
  EXPECT_NEAR(table.frequencies[0], 0.5 + 0.5 / 8, 1e-15);
  EXPECT_NEAR(table.frequencies[60], Unscaled(60) / 8, 1e-17);
}

TEST(RopeTable, PairsPastAShortRotationAreNotThere) {
  RopeConfig config = Config(RopeScaling::kNone, 1);
  config.dimensions = 4;
  EXPECT_EQ(BuildRopeTable(config, {}).frequencies.size(), 2u);
}

}  // namespace
}  // namespace millrace

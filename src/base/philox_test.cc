#include "base/philox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace millrace {
namespace {

using ::testing::ElementsAre;

// The three known answers that the authors publish with their library, Random123.
TEST(Philox, ZerosGiveTheKnownAnswer) {
  EXPECT_THAT(Philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
}

TEST(Philox, OnesGiveTheKnownAnswer) {
  EXPECT_THAT(
      Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
}

TEST(Philox, DigitsOfPiGiveTheKnownAnswer) {
  EXPECT_THAT(
      Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(Philox, DrawPutsPositionThenSequenceInTheCounterAndTheSeedInTheKey) {
  EXPECT_EQ(Draw(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}));
}

TEST(Philox, EveryArgumentOfDrawChangesTheNumbers) {
  std::set<std::array<std::uint32_t, 4>> seen;
  for (std::uint64_t bit = 0; bit < 64; ++bit) {
    seen.insert(Draw(std::uint64_t{1} << bit, 0, 0));
    seen.insert(Draw(0, std::uint64_t{1} << bit, 0));
    seen.insert(Draw(0, 0, std::uint64_t{1} << bit));
  }
  EXPECT_EQ(seen.size(), 3u * 64u);
}

TEST(Philox, UniformIsTheTop53BitsOfTheFirstTwoWords) {
  const auto words = Draw(1, 2, 3);
  const std::uint64_t bits = (std::uint64_t{words[0]} << 32) | words[1];
  EXPECT_EQ(DrawUniform(1, 2, 3) * 0x1p53, static_cast<double>(bits >> 11));
}

// n draws of a uniform number have the mean 1/2 with standard deviation sqrt(1 / 12 n), and k equal
// bins n/k each with sqrt(n/k (1 - 1/k)). The draws are fixed, so five deviations are a bound that
// either holds for ever or never did.
TEST(Philox, UniformIsUniformOverPositions) {
  constexpr int kDraws = 100'000;
  constexpr int kBins = 64;
  int bins[kBins] = {};
  double sum = 0;
  for (int position = 0; position < kDraws; ++position) {
    const double u = DrawUniform(7, 0, static_cast<std::uint64_t>(position));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    ++bins[static_cast<int>(u * kBins)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  const double expected = static_cast<double>(kDraws) / kBins;
  for (const int count : bins) {
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected * (1 - 1.0 / kBins)));
  }
}

}  // namespace
}  // namespace millrace

#include "numerics/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace millrace {
namespace {

constexpr std::uint32_t kHalves = 65536;

bool IsNanHalf(Half half) { return (half & 0x7fffu) > 0x7c00u; }

// The value by the definition of the format, in double.
double HalfValue(Half half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24)
                           : exponent == 31
                               ? (fraction == 0 ? std::numeric_limits<double>::infinity()
                                                : std::numeric_limits<double>::quiet_NaN())
                               : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000u ? -magnitude : magnitude;
}

TEST(Half, EveryHalfHasTheValueOfItsDefinition) {
  for (std::uint32_t bits = 0; bits < kHalves; ++bits) {
    const auto half = static_cast<Half>(bits);
    const float value = HalfToFloat(half);
    if (IsNanHalf(half)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(value), HalfValue(half)) << bits;
    }
    ASSERT_EQ(std::signbit(value), (bits & 0x8000u) != 0) << bits;
  }
}

TEST(Half, EveryHalfComesBackFromFloat) {
  for (std::uint32_t bits = 0; bits < kHalves; ++bits) {
    const auto half = static_cast<Half>(bits);
    const Half back = FloatToHalf(HalfToFloat(half));
    if (IsNanHalf(half)) {
      ASSERT_EQ(back, half | 0x200u) << bits;  // quiet, with sign and payload
    } else {
      ASSERT_EQ(back, half) << bits;
    }
  }
}

// Between each half and the next: the midpoint goes to the even one, its neighbours to their side.
TEST(Half, MidpointsRoundToEvenAndTheirNeighboursToTheNearest) {
  for (std::uint32_t bits = 0; bits < 0x7bffu; ++bits) {
    const auto low = static_cast<Half>(bits), high = static_cast<Half>(bits + 1);
    const float middle =
        static_cast<float>((static_cast<double>(HalfToFloat(low)) + HalfToFloat(high)) / 2);
    const Half even = bits % 2 == 0 ? low : high;
    for (const float sign : {1.0f, -1.0f}) {
      const Half sign_bit = sign < 0 ? 0x8000u : 0;
      ASSERT_EQ(FloatToHalf(sign * middle), even | sign_bit) << bits;
      ASSERT_EQ(FloatToHalf(sign * std::nextafter(middle, 0.0f)), low | sign_bit) << bits;
      ASSERT_EQ(FloatToHalf(sign * std::nextafter(middle, 1e6f)), high | sign_bit) << bits;
    }
  }
}

TEST(Half, OverflowBeginsHalfAUnitAboveTheLargest) {
  EXPECT_EQ(FloatToHalf(65504.0f), 0x7bff);
  EXPECT_EQ(FloatToHalf(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);  // the midpoint: to even, which is infinity
  EXPECT_EQ(FloatToHalf(-65520.0f), 0xfc00);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::infinity()), 0x7c00);
}

TEST(Half, TinyValuesRoundToZeroWithTheirSign) {
  EXPECT_EQ(FloatToHalf(0x1p-25f), 0);  // half of the smallest denormal: to even
  EXPECT_EQ(FloatToHalf(std::nextafter(0x1p-25f, 1.0f)), 1);
  EXPECT_EQ(FloatToHalf(-0x1p-25f), 0x8000);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(FloatToHalf(-0.0f), 0x8000);
}

TEST(Half, NanStaysNanWhateverItsPayload) {
  for (const std::uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0x7fc00000u}) {
    EXPECT_TRUE(IsNanHalf(FloatToHalf(std::bit_cast<float>(bits)))) << bits;
  }
}

// The nearest bfloat, by comparing the distances of the two neighbours in double.
BFloat NearestBFloat(float value) {
  const auto low = static_cast<BFloat>(std::bit_cast<std::uint32_t>(value) >> 16);
  const auto high = static_cast<BFloat>(low + 1);
  const double below = std::fabs(static_cast<double>(value) - BFloatToFloat(low));
  const double above = std::fabs(static_cast<double>(BFloatToFloat(high)) - value);
  if (below != above) return below < above ? low : high;
  return low % 2 == 0 ? low : high;
}

TEST(BFloat, RoundsToTheNearestAndTiesToEven) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    std::uint32_t bits = static_cast<std::uint32_t>(random());
    if (i % 4 == 0) bits = (bits & 0xffff0000u) | 0x8000u;  // a tie
    if ((bits & 0x7fffffffu) >= 0x7f7f0000u) continue;      // no finite neighbour above
    const float value = std::bit_cast<float>(bits);
    ASSERT_EQ(FloatToBFloat(value), NearestBFloat(value)) << bits;
  }
}

TEST(BFloat, EveryBFloatComesBackFromFloat) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto bfloat = static_cast<BFloat>(bits);
    const float value = BFloatToFloat(bfloat);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), bits << 16);
    ASSERT_EQ(FloatToBFloat(value), std::isnan(value) ? bits | 0x40u : bits) << bits;
  }
}

TEST(BFloat, OverflowIsInfinityAndNanStaysNan) {
  EXPECT_EQ(FloatToBFloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(FloatToBFloat(-std::numeric_limits<float>::infinity()), 0xff80);
  EXPECT_TRUE(std::isnan(BFloatToFloat(FloatToBFloat(std::bit_cast<float>(0x7f800001u)))));
  EXPECT_TRUE(std::isnan(BFloatToFloat(FloatToBFloat(std::bit_cast<float>(0x7fffffffu)))));
}

}  // namespace
}  // namespace millrace

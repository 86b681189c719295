// Quantised rows are close to what went in, and what a block can hold exactly comes back bit for
// bit. The way back is reference::DequantiseRow, or the accessors of blocks.h.
#include "numerics/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "numerics/blocks.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

std::vector<std::byte> Quantised(DType dtype, std::span<const float> row) {
  std::vector<std::byte> bytes(RowBytes(dtype, row.size()));
  QuantiseRow(dtype, row, bytes);
  return bytes;
}

std::vector<float> ThereAndBack(DType dtype, std::span<const float> row) {
  const std::vector<std::byte> bytes = Quantised(dtype, row);
  std::vector<float> values(row.size());
  reference::DequantiseRow(dtype, bytes.data(), values);
  return values;
}

float LargestMagnitude(std::span<const float> x) {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::fabs(value));
  return largest;
}

// The largest error that quantise.h allows a value of a 256-block x at index i.
float AllowedError(DType dtype, std::span<const float> x, std::size_t i) {
  const std::span<const float> of32 = x.subspan(i / 32 * 32, 32), of16 = x.subspan(i / 16 * 16, 16);
  const float most = LargestMagnitude(x);
  switch (dtype) {
    case DType::kQ8_0:
      return LargestMagnitude(of32) / 127 * 0.5f;
    case DType::kQ4_0:
      return LargestMagnitude(of32) / 8;
    case DType::kQ4_K: {
      const float low = std::min(*std::ranges::min_element(of32), 0.0f);
      const float high = std::max(*std::ranges::max_element(of32), 0.0f);
      const float largest_scale = 2 * most / 15;  // at most
      return (high - low) / 15 * 0.5f + largest_scale / 126 * 15 + most / 126;
    }
    case DType::kQ6_K:
      return LargestMagnitude(of16) / 32 + most / 32 / 254 * 32;
    case DType::kQ4_1:
    case DType::kQ5_1: {
      const auto [low, high] = std::ranges::minmax(of32);
      const float steps = dtype == DType::kQ4_1 ? 15 : 31;
      return (high - low) / steps * 0.5f + LargestMagnitude(of32) * 0x1p-11f;  // m is a half too
    }
    case DType::kQ5_0:
      return LargestMagnitude(of32) / 16;
    case DType::kIQ4_NL:
      return LargestMagnitude(of32) * 14 / 127;
    case DType::kIQ4_XS:
      return LargestMagnitude(of32) * 14 / 127 + most / 62 * 141 / 127;
    case DType::kMXFP4:
      return LargestMagnitude(of32) / 4;
    case DType::kQ2_K: {
      const float low = std::min(*std::ranges::min_element(of16), 0.0f);
      const float high = std::max(*std::ranges::max_element(of16), 0.0f);
      const float largest_scale = 2 * most / 3;  // at most
      return (high - low) / 3 * 0.5f + largest_scale / 30 * 3 + most / 30;
    }
    case DType::kQ3_K:
      return LargestMagnitude(of16) / 4 + most / 62 * 5 / 4;
    case DType::kQ5_K: {
      const float low = std::min(*std::ranges::min_element(of32), 0.0f);
      const float high = std::max(*std::ranges::max_element(of32), 0.0f);
      const float largest_scale = 2 * most / 31;  // at most
      return (high - low) / 31 * 0.5f + largest_scale / 126 * 31 + most / 126;
    }
    case DType::kF16:
      return std::max(std::fabs(x[i]) * 0x1p-11f, 0x1p-25f);  // half a step of denormals
    case DType::kBF16:
      return std::fabs(x[i]) * 0x1p-8f;
    case DType::kF32:
      return 0;
  }
  return 0;
}

void ExpectWithinBounds(const std::vector<float>& row) {
  for (const DType dtype : kAllDTypes) {
    const std::vector<float> back = ThereAndBack(dtype, row);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto block = std::span(row).subspan(i / 256 * 256, 256);
      // The scales themselves are halves.
      const float rounding = IsQuantised(dtype) ? 2 * LargestMagnitude(block) * 0x1p-11f : 0;
      ASSERT_LE(std::fabs(back[i] - row[i]), AllowedError(dtype, block, i % 256) + rounding)
          << Name(dtype) << " " << i << " of value " << row[i];
    }
  }
}

TEST(QuantiseRow, ErrorsOfNormalValuesAreWithinTheBoundsOfTheHeader) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.02f);
  std::vector<float> row(256 * 40);
  for (float& value : row) value = normal(random);
  ExpectWithinBounds(row);
}

TEST(QuantiseRow, ErrorsOfLopsidedValuesAreWithinTheBoundsOfTheHeader) {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<float> row(256 * 16);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t block = i / 256;
    row[i] = uniform(random);                                        // all above zero
    if (block % 4 == 1) row[i] = -1 - row[i];                        // all below, far from it
    if (block % 4 == 2 && i % 32 == 5) row[i] *= 100;                // an outlier in each sub-block
    if (block % 4 == 3) row[i] *= std::exp2f(-float(i % 256 / 16));  // sub-blocks of all sizes
  }
  ExpectWithinBounds(row);
}

TEST(QuantiseRow, ZerosStayZeros) {
  for (const DType dtype : kAllDTypes) {
    EXPECT_THAT(ThereAndBack(dtype, std::vector<float>(512)), testing::Each(0.0f)) << Name(dtype);
  }
}

TEST(QuantiseRow, ZerosAreTheIntegerZeroToo) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_K}) {
    EXPECT_THAT(Quantised(dtype, std::vector<float>(256)), testing::Each(std::byte{0}))
        << Name(dtype);
  }
}

TEST(QuantiseRow, ValuesTooSmallForAHalfBecomeZero) {
  for (const DType dtype : kAllDTypes) {
    if (!IsQuantised(dtype) || dtype == DType::kMXFP4) continue;  // whose scale is no half
    EXPECT_THAT(ThereAndBack(dtype, std::vector<float>(256, 1e-30f)), testing::Each(0.0f))
        << Name(dtype);
  }
}

TEST(QuantiseRow, ValuesTooLargeForTheScaleOfABlockBecomeTheLargestItHas) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
    for (const float back : ThereAndBack(dtype, std::vector<float>(256, 1e30f))) {
      EXPECT_TRUE(std::isfinite(back)) << Name(dtype);
      EXPECT_GT(back, 65504.0f * 6) << Name(dtype);
    }
  }
}

TEST(QuantiseRow, ValuesThatAreNotFiniteGiveBlocksAllTheSame) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float odd : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> row(256, 1.0f);
    row[0] = row[37] = odd;
    for (const DType dtype : kAllDTypes) Quantised(dtype, row);  // the sanitizers look on
    EXPECT_TRUE(std::isfinite(ThereAndBack(DType::kQ8_0, row)[64]));
  }
}

// What a block holds, quantised again, is that block: bit for bit, so every scale and every value
// is packed where blocks.h reads it.
template <typename Block>
void ExpectSameBlock(DType dtype, const Block& block) {
  float values[256];
  const std::size_t elements = BlockElements(dtype);
  std::byte bytes[sizeof(Block)];
  std::memcpy(bytes, &block, sizeof(Block));
  reference::DequantiseRow(dtype, bytes, std::span(values).first(elements));
  EXPECT_THAT(Quantised(dtype, std::span(values).first(elements)),
              testing::ElementsAreArray(bytes));
}

constexpr Half kQuarter = 0x3400, kEighth = 0x3000;

TEST(QuantiseRow, Q8_0BlockWithAFullRangeComesBackBitForBit) {
  std::mt19937 random(3);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ8_0 block{.d = kQuarter, .q = {}};
    for (std::int8_t& q : block.q)
      q = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
    block.q[random() % 32] = repetition % 2 == 0 ? 127 : -127;
    ExpectSameBlock(DType::kQ8_0, block);
  }
}

TEST(QuantiseRow, Q4_0BlockWithAFullRangeComesBackBitForBit) {
  std::mt19937 random(4);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ4_0 block{.d = kQuarter, .q = {}};
    if (repetition % 2 == 1) block.d |= 0x8000;  // the largest value is above zero
    for (std::uint8_t& q : block.q) q = static_cast<std::uint8_t>(random());
    block.q[random() % 16] &= 0xf0;  // the value -8
    ExpectSameBlock(DType::kQ4_0, block);
  }
}

// Sub-blocks that reach from nibble 0 to nibble 15, below and above zero.
TEST(QuantiseRow, Q4_KBlockWithFullRangesComesBackBitForBit) {
  std::mt19937 random(5);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ4_K block{.d = kQuarter, .dmin = kEighth, .scales = {}, .q = {}};
    for (std::uint8_t& byte : block.scales) byte = static_cast<std::uint8_t>(random());
    // Sub-block 0 has scale 63 and minimum 63, the others are above zero and not so large.
    block.scales[0] |= 63;
    block.scales[4] |= 63;
    for (int s = 1; s < 4; ++s) block.scales[s] |= 32;
    for (int s = 8; s < 12; ++s) block.scales[s] |= 0x18;
    for (std::uint8_t& q : block.q) q = static_cast<std::uint8_t>(random());
    for (std::size_t at = 0; at < 128; at += 32) {
      block.q[at + random() % 16] = 0x00;
      block.q[at + 16 + random() % 16] = 0xff;
    }
    ExpectSameBlock(DType::kQ4_K, block);
  }
}

// Sub-blocks that reach to -32 steps; their scales have both signs.
TEST(QuantiseRow, Q6_KBlockWithFullRangesComesBackBitForBit) {
  std::mt19937 random(6);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ6_K block{};
    block.d = kQuarter;
    for (std::uint8_t& byte : block.low) byte = static_cast<std::uint8_t>(random());
    for (std::uint8_t& byte : block.high) byte = static_cast<std::uint8_t>(random());
    for (std::int8_t& scale : block.scales) {
      scale = static_cast<std::int8_t>(1 + random() % 127);
      if (random() % 2 == 0) scale = static_cast<std::int8_t>(-scale);
    }
    block.scales[random() % 16] = repetition % 2 == 0 ? 127 : -127;
    // Bytes 0 and 16 of each group of 32 hold element 0 of every sub-block.
    for (const int at : {0, 16, 32, 48, 64, 80, 96, 112}) block.low[at] = 0;
    for (const int at : {0, 16, 32, 48}) block.high[at] = 0;
    ExpectSameBlock(DType::kQ6_K, block);
  }
}

template <std::size_t kCount>
void FillRandomly(std::uint8_t (&bytes)[kCount], std::mt19937& random) {
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
}

// The least value is 0 steps, the largest all of them.
TEST(QuantiseRow, BlocksWithALeastValueComeBackBitForBit) {
  std::mt19937 random(7);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ4_1 four{.d = kQuarter, .m = FloatToHalf(-3.5f), .q = {}};
    FillRandomly(four.q, random);
    four.q[2] = 0x0f, four.q[9] = 0xf0;
    ExpectSameBlock(DType::kQ4_1, four);
    BlockQ5_1 five{.d = kQuarter, .m = FloatToHalf(2.25f), .high = {}, .q = {}};
    FillRandomly(five.high, random);
    FillRandomly(five.q, random);
    five.q[3] = 0x0f;  // element 3 is 31, element 19 is 0
    five.high[0] |= 0x08, five.high[2] &= 0xf7;
    ExpectSameBlock(DType::kQ5_1, five);
  }
}

// Elements 0 and 16 at the end that reaches farther.
TEST(QuantiseRow, BlocksOf32WithAFullRangeComeBackBitForBit) {
  std::mt19937 random(8);
  for (int repetition = 0; repetition < 50; ++repetition) {
    const Half d = repetition % 2 == 0 ? kQuarter : kQuarter | 0x8000;
    BlockQ5_0 five{.d = d, .high = {}, .q = {}};
    FillRandomly(five.high, random);
    FillRandomly(five.q, random);
    five.q[0] = 0, five.high[0] &= 0xfe, five.high[2] &= 0xfe;
    ExpectSameBlock(DType::kQ5_0, five);
    BlockIQ4_NL dense{.d = d, .q = {}};
    FillRandomly(dense.q, random);
    dense.q[0] = 0;
    ExpectSameBlock(DType::kIQ4_NL, dense);
    BlockMXFP4 floats{.e = static_cast<std::uint8_t>(2 + repetition * 5), .q = {}};
    for (std::uint8_t& byte : floats.q) {  // 8, minus zero, comes back as zero
      byte = static_cast<std::uint8_t>(random() % 7 + 1 + (random() % 7 + 9) * 16);
    }
    floats.q[0] = 0x6e;  // 4 and -4: the exponent is theirs
    ExpectSameBlock(DType::kMXFP4, floats);
  }
}

// Sub-blocks that reach from no step to all, below and above zero.
TEST(QuantiseRow, Q2_KAndQ5_KBlocksWithFullRangesComeBackBitForBit) {
  std::mt19937 random(9);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ2_K two{.scales = {}, .q = {}, .d = kQuarter, .dmin = kEighth};
    FillRandomly(two.scales, random);
    FillRandomly(two.q, random);
    // Zero lies within their reach: 3 scale / 4 >= min / 8.
    for (std::uint8_t& scales : two.scales) scales |= 0x08;
    two.scales[0] = 0xff;
    for (const int at : {0, 16, 32, 48}) two.q[at] = 0x00, two.q[at + 1] = 0xff;
    ExpectSameBlock(DType::kQ2_K, two);

    BlockQ5_K five{.d = kQuarter, .dmin = kEighth, .scales = {}, .high = {}, .q = {}};
    FillRandomly(five.scales, random);
    FillRandomly(five.high, random);
    FillRandomly(five.q, random);
    five.scales[0] |= 63;
    five.scales[4] |= 63;
    for (int s = 1; s < 4; ++s) five.scales[s] |= 32;
    for (int s = 8; s < 12; ++s) five.scales[s] |= 0x08;
    for (const int at : {0, 32, 64, 96}) five.q[at] = 0x00, five.q[at + 1] = 0xff;
    five.high[0] = 0x00, five.high[1] = 0xff;
    ExpectSameBlock(DType::kQ5_K, five);
  }
}

// Element 0 of every sub-block at the end that reaches farther; scales have both signs.
TEST(QuantiseRow, Q3_KAndIQ4_XSBlocksWithFullRangesComeBackBitForBit) {
  std::mt19937 random(10);
  for (int repetition = 0; repetition < 50; ++repetition) {
    BlockQ3_K three{};
    three.d = kQuarter;
    FillRandomly(three.high, random);
    FillRandomly(three.q, random);
    FillRandomly(three.scales, random);
    for (int s = 0; s < 16; ++s) {  // no scale is -32 or 0
      std::uint8_t& low = three.scales[s % 8];
      low = static_cast<std::uint8_t>(low | 1 << (s < 8 ? 0 : 4));
    }
    three.scales[0] = three.scales[1] = 0xff, three.scales[8] = three.scales[9] = 0xff;  // 31
    for (const int at : {0, 16, 32, 48}) three.q[at] = 0;
    three.high[0] = three.high[16] = 0;
    ExpectSameBlock(DType::kQ3_K, three);

    BlockIQ4_XS dense{};
    dense.d = kQuarter;
    FillRandomly(dense.scales_low, random);
    FillRandomly(dense.q, random);
    dense.scales_high = static_cast<std::uint16_t>(random() | 3);
    for (std::uint8_t& low : dense.scales_low) low |= 0x11;
    dense.scales_low[0] |= 0x0f;  // 31
    for (int s = 0; s < 8; ++s) dense.q[16 * s] &= 0xf0;
    ExpectSameBlock(DType::kIQ4_XS, dense);
  }
}

TEST(QuantiseRow, MXFP4TakesItsExponentFromTheLargestMagnitude) {
  std::vector<float> row(32, 0.0f);
  row[3] = -6.0f, row[4] = 7.9f, row[5] = 1.6f, row[6] = 0.2f;
  const std::vector<float> back = ThereAndBack(DType::kMXFP4, row);
  EXPECT_THAT((std::vector<float>{back[3], back[4], back[5], back[6]}),
              testing::ElementsAre(-6.0f, 6.0f, 1.5f, 0.0f));
  row[4] = 8.0f;  // from here on steps are twice as large
  EXPECT_THAT(ThereAndBack(DType::kMXFP4, row)[5], 2.0f);
}

TEST(QuantiseRow, FloatsAreConvertedToNearestEven) {
  const std::vector<float> row = {1.0f, -2.5f, 1.0f + 0x1p-11f, 1.0f + 0x1p-8f, 3e38f};
  EXPECT_EQ(ThereAndBack(DType::kF32, row), row);
  EXPECT_THAT(ThereAndBack(DType::kF16, row),
              testing::ElementsAre(1.0f, -2.5f, 1.0f, 1.0f + 0x1p-8f,
                                   std::numeric_limits<float>::infinity()));
  EXPECT_THAT(ThereAndBack(DType::kBF16, std::span(row).first(4)),
              testing::ElementsAre(1.0f, -2.5f, 1.0f, 1.0f));
}

}  // namespace
}  // namespace millrace

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
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
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

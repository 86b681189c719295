// The contract's operations against plain double-precision computations of the same thing, within
// tolerances that are derived where they stand, and facts that pin the order of each sum.
//
// u = 2^-24 is the largest relative error of one rounding to binary32.
#include "numerics/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>

#include "numerics/blocks.h"
#include "numerics/elementary.h"
#include "numerics/half.h"

namespace millrace::reference {
namespace {

constexpr double kU = 0x1p-24;

std::vector<float> Normals(std::size_t count, unsigned seed, float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Random bytes as rows of weights, with scales that are finite and small.
std::vector<std::byte> RandomRows(DType dtype, std::size_t rows, std::size_t columns,
                                  unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(rows * RowBytes(dtype, columns));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const auto put = [&](std::size_t offset, std::uint32_t bits, std::size_t size) {
    std::memcpy(bytes.data() + offset, &bits, size);  // little-endian
  };
  const auto scale = [&] { return FloatToHalf(static_cast<float>(random() % 1000 + 1) * 1e-3f); };
  for (std::size_t offset = 0; offset < bytes.size(); offset += BlockBytes(dtype)) {
    const float value = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 1e-3f;
    switch (dtype) {
      case DType::kF32:
        std::memcpy(bytes.data() + offset, &value, 4);
        break;
      case DType::kF16:
        put(offset, FloatToHalf(value), 2);
        break;
      case DType::kBF16:
        put(offset, FloatToBFloat(value), 2);
        break;
      case DType::kQ8_0:
      case DType::kQ4_0:
      case DType::kQ5_0:
      case DType::kIQ4_NL:
      case DType::kIQ4_XS:
        put(offset, scale(), 2);
        break;
      case DType::kQ4_1:
      case DType::kQ5_1:
        put(offset, scale(), 2);
        put(offset + 2, scale() | 0x8000, 2);
        break;
      case DType::kQ4_K:
      case DType::kQ5_K:
        put(offset, scale(), 2);
        put(offset + 2, scale(), 2);
        break;
      case DType::kMXFP4:
        put(offset, static_cast<std::uint32_t>(118 + random() % 12), 1);
        break;
      case DType::kQ2_K:
        put(offset + offsetof(BlockQ2_K, d), scale(), 2);
        put(offset + offsetof(BlockQ2_K, dmin), scale(), 2);
        break;
      case DType::kQ3_K:
        put(offset + offsetof(BlockQ3_K, d), scale(), 2);
        break;
      case DType::kQ6_K:
        put(offset + offsetof(BlockQ6_K, d), scale(), 2);
        break;
    }
  }
  return bytes;
}

template <typename Block>
Block BlockOf(const std::byte* row, std::size_t index) {
  Block block;
  std::memcpy(&block, row + index * sizeof(Block), sizeof(Block));
  return block;
}

// What element k of a row is less: its minimum, or what Q4_1 and Q5_1 add. Exactly, as below.
double TrueMinimum(DType dtype, const std::byte* row, std::size_t k) {
  const int i = static_cast<int>(k % 256);
  if (dtype == DType::kQ4_1) return -double{HalfToFloat(BlockOf<BlockQ4_1>(row, k / 32).m)};
  if (dtype == DType::kQ5_1) return -double{HalfToFloat(BlockOf<BlockQ5_1>(row, k / 32).m)};
  if (dtype == DType::kQ4_K) {
    const auto block = BlockOf<BlockQ4_K>(row, k / 256);
    return double{HalfToFloat(block.dmin)} * ScaleMinQ4_K(block, i / 32).min;
  }
  if (dtype == DType::kQ5_K) {
    const auto block = BlockOf<BlockQ5_K>(row, k / 256);
    return double{HalfToFloat(block.dmin)} * ScaleMinQ5_K(block, i / 32).min;
  }
  if (dtype == DType::kQ2_K) {
    const auto block = BlockOf<BlockQ2_K>(row, k / 256);
    return double{HalfToFloat(block.dmin)} * (block.scales[i / 16] >> 4);
  }
  return 0;
}

// Element k of a row by the definition of its format, exactly (in double nothing rounds).
double TrueWeight(DType dtype, const std::byte* row, std::size_t k) {
  const std::size_t b = k / BlockElements(dtype);
  const int i = static_cast<int>(k % BlockElements(dtype));
  switch (dtype) {
    case DType::kF32:
      return BlockOf<float>(row, k);
    case DType::kF16:
      return HalfToFloat(BlockOf<Half>(row, k));
    case DType::kBF16:
      return BFloatToFloat(BlockOf<BFloat>(row, k));
    case DType::kQ8_0: {
      const auto block = BlockOf<BlockQ8_0>(row, b);
      return static_cast<double>(HalfToFloat(block.d)) * block.q[i];
    }
    case DType::kQ4_0: {
      const auto block = BlockOf<BlockQ4_0>(row, b);
      return static_cast<double>(HalfToFloat(block.d)) * ValueQ4_0(block, i);
    }
    case DType::kQ4_1: {
      const auto block = BlockOf<BlockQ4_1>(row, b);
      return double{HalfToFloat(block.d)} * ValueQ4_1(block, i) - TrueMinimum(dtype, row, k);
    }
    case DType::kQ5_0: {
      const auto block = BlockOf<BlockQ5_0>(row, b);
      return double{HalfToFloat(block.d)} * ValueQ5_0(block, i);
    }
    case DType::kQ5_1: {
      const auto block = BlockOf<BlockQ5_1>(row, b);
      return double{HalfToFloat(block.d)} * ValueQ5_1(block, i) - TrueMinimum(dtype, row, k);
    }
    case DType::kIQ4_NL: {
      const auto block = BlockOf<BlockIQ4_NL>(row, b);
      return double{HalfToFloat(block.d)} * ValueIQ4_NL(block, i);
    }
    case DType::kIQ4_XS: {
      const auto block = BlockOf<BlockIQ4_XS>(row, b);
      return double{HalfToFloat(block.d)} * ScaleIQ4_XS(block, i / 32) * ValueIQ4_XS(block, i);
    }
    case DType::kMXFP4: {
      const auto block = BlockOf<BlockMXFP4>(row, b);
      return std::ldexp(kCodebookMXFP4[Nibble(block.q, i)], block.e - 128);
    }
    case DType::kQ2_K: {
      const auto block = BlockOf<BlockQ2_K>(row, b);
      return double{HalfToFloat(block.d)} * (block.scales[i / 16] & 15) * ValueQ2_K(block, i) -
             TrueMinimum(dtype, row, k);
    }
    case DType::kQ3_K: {
      const auto block = BlockOf<BlockQ3_K>(row, b);
      return double{HalfToFloat(block.d)} * ScaleQ3_K(block, i / 16) * ValueQ3_K(block, i);
    }
    case DType::kQ4_K: {
      const auto block = BlockOf<BlockQ4_K>(row, b);
      return double{HalfToFloat(block.d)} * ScaleMinQ4_K(block, i / 32).scale *
                 ValueQ4_K(block, i) -
             TrueMinimum(dtype, row, k);
    }
    case DType::kQ5_K: {
      const auto block = BlockOf<BlockQ5_K>(row, b);
      return double{HalfToFloat(block.d)} * ScaleMinQ5_K(block, i / 32).scale *
                 ValueQ5_K(block, i) -
             TrueMinimum(dtype, row, k);
    }
    case DType::kQ6_K: {
      const auto block = BlockOf<BlockQ6_K>(row, b);
      return static_cast<double>(HalfToFloat(block.d)) * block.scales[i / 16] * ValueQ6_K(block, i);
    }
  }
  return 0;
}

TEST(DequantiseRow, IsTheTrueValueRoundedOnce) {
  for (const DType dtype : kAllDTypes) {
    const std::size_t columns = 1024;
    const auto row = RandomRows(dtype, 1, columns, 1);
    std::vector<float> values(columns);
    DequantiseRow(dtype, row.data(), values);
    for (std::size_t k = 0; k < columns; ++k) {
      ASSERT_EQ(values[k], static_cast<float>(TrueWeight(dtype, row.data(), k)))
          << Name(dtype) << " " << k;
    }
  }
}

TEST(Quantise, EveryValueIsWithinHalfAStep) {
  for (const float deviation : {1e-20f, 1e-3f, 1.0f, 1e20f}) {
    const std::vector<float> x = Normals(4096, 2, deviation);
    const auto blocks = Quantise(x);
    ASSERT_EQ(blocks.size(), 128u);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const ActivationBlock& block = blocks[k / 32];
      const int q = block.q[k % 32];
      // Half a step, and the roundings of d, of 1 / d and of the product, each of at most 127
      // steps.
      EXPECT_LE(std::fabs(static_cast<double>(x[k]) - static_cast<double>(block.d) * q),
                block.d * (0.5 + 3 * 127 * kU));
      EXPECT_LE(std::abs(q), 127);
    }
  }
}

TEST(Quantise, TheLargestValueIs127AndSumsAreThoseOfTheIntegers) {
  const std::vector<float> x = Normals(320, 3);
  for (const ActivationBlock& block : Quantise(x)) {
    int largest = 0, sums[2] = {};
    for (int i = 0; i < 32; ++i) {
      largest = std::max(largest, std::abs(block.q[i]));
      sums[i / 16] += block.q[i];
    }
    EXPECT_EQ(largest, 127);
    EXPECT_EQ(block.half_sum[0], sums[0]);
    EXPECT_EQ(block.half_sum[1], sums[1]);
    EXPECT_EQ(block.sum, sums[0] + sums[1]);
  }
}

TEST(Quantise, TiesGoToTheEvenInteger) {
  std::vector<float> x(32, 0.0f);
  x[0] = 127;  // d = 1
  x[1] = 0.5f, x[2] = 1.5f, x[3] = 2.5f, x[4] = -0.5f, x[5] = -1.5f, x[6] = -2.5f;
  const ActivationBlock block = Quantise(x)[0];
  EXPECT_EQ(block.d, 1.0f);
  const std::vector<int> q(block.q, block.q + 7);
  EXPECT_EQ(q, (std::vector<int>{127, 0, 2, 2, 0, -2, -2}));
}

TEST(Quantise, ZerosAndTinyValuesGiveAZeroBlock) {
  for (const float value : {0.0f, -0.0f, 1e-40f, std::nextafter(0x1p-96f, 0.0f)}) {
    const ActivationBlock block = Quantise(std::vector<float>(32, value))[0];
    EXPECT_EQ(block.d, 0.0f);
    EXPECT_EQ(block.sum, 0);
  }
  EXPECT_GT(Quantise(std::vector<float>(32, 0x1p-96f))[0].d, 0.0f);
}

TEST(Quantise, NanGivesTheLowestInteger) {
  std::vector<float> x(32, 1.0f);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Quantise(x)[0].q[5], -127);
  EXPECT_EQ(Quantise(x)[0].q[6], 127);
}

// The activations that a matrix of this type sees.
std::vector<double> SeenActivations(DType dtype, std::span<const float> x) {
  std::vector<double> seen(x.begin(), x.end());
  if (dtype == DType::kF16) {
    std::transform(x.begin(), x.end(), seen.begin(), RoundToHalf);
  } else if (dtype == DType::kBF16) {
    std::transform(x.begin(), x.end(), seen.begin(), RoundToBFloat);
  } else if (IsQuantised(dtype)) {
    const auto blocks = Quantise(x);
    for (std::size_t k = 0; k < x.size(); ++k) {
      seen[k] = static_cast<double>(blocks[k / 32].d) * blocks[k / 32].q[k % 32];
    }
  }
  return seen;
}

// A chain of n fused multiply-adds is off by at most n u times the sum of the terms' magnitudes (to
// first order in u). A quantised row has one term a block of 32, two with a minimum, and one more
// rounding in each term's factor, the product of the two scales. The magnitudes of a term are at
// most those of its elements with scale and minimum taken apart.
TEST(Linear, IsTheSumOfProductsWithinTheErrorOfItsChain) {
  const std::size_t rows = 16, columns = 1024;
  for (const DType dtype : kAllDTypes) {
    const auto w = RandomRows(dtype, rows, columns, 4);
    const std::vector<float> x = Normals(columns, 5);
    const std::vector<double> seen = SeenActivations(dtype, x);
    std::vector<float> y(rows);
    Linear(dtype, w.data(), x, y);
    const double terms = IsQuantised(dtype) ? 2.0 * columns / 32 : columns;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::byte* row = w.data() + r * RowBytes(dtype, columns);
      double sum = 0, magnitude = 0;
      for (std::size_t k = 0; k < columns; ++k) {
        const double weight = TrueWeight(dtype, row, k);
        const double apart = std::fabs(weight) + 2 * std::fabs(TrueMinimum(dtype, row, k));
        sum += weight * seen[k];
        magnitude += apart * std::fabs(seen[k]);
      }
      EXPECT_NEAR(y[r], sum, (terms + 1) * kU * magnitude) << Name(dtype) << " row " << r;
      EXPECT_GT(magnitude, 1) << Name(dtype);
    }
  }
}

TEST(Linear, AddsInAscendingOrder) {
  const std::vector<float> w = {0x1p24f, 1, -0x1p24f, 1};
  std::vector<float> y(1);
  Linear(DType::kF32, reinterpret_cast<const std::byte*>(w.data()), std::vector<float>(4, 1.0f), y);
  EXPECT_EQ(y[0], 1.0f);  // 2^24 + 1 rounds to 2^24, so the first 1 is lost and the last is not
}

TEST(Linear, ActivationsTakeTheTypeOfFloatWeights) {
  const float x = 1 + 0x1p-9f + 0x1p-12f;
  const auto product = [&](DType dtype, const void* one) {
    std::vector<float> y(1);
    Linear(dtype, static_cast<const std::byte*>(one), std::vector<float>{x}, y);
    return y[0];
  };
  const float one = 1;
  const Half half_one = FloatToHalf(1.0f);
  const BFloat bfloat_one = FloatToBFloat(1.0f);
  EXPECT_EQ(product(DType::kF32, &one), x);
  EXPECT_EQ(product(DType::kF16, &half_one), 1 + 0x1p-9f);
  EXPECT_EQ(product(DType::kBF16, &bfloat_one), 1.0f);
}

TEST(Linear, QuantisedBlocksAddInAscendingOrder) {
  BlockQ8_0 blocks[3] = {};
  for (BlockQ8_0& block : blocks) block.d = FloatToHalf(1.0f), block.q[0] = 1;
  std::vector<float> x(96, 0.0f);
  x[0] = 127 * 0x1p24f, x[32] = 127 * 0.5f, x[64] = -127 * 0x1p24f;  // scales without rounding
  std::vector<float> y(1);
  Linear(DType::kQ8_0, reinterpret_cast<const std::byte*>(blocks), x, y);
  EXPECT_EQ(y[0], 0.0f);  // 63.5 is less than half a unit in the last place of the first term
}

TEST(Sum, AddsSixteenPartialSumsThenATree) {
  std::vector<float> x(48, 0.0f);
  x[0] = 0x1p24f, x[16] = 1, x[32] = -0x1p24f;  // one partial sum: 1 is lost
  EXPECT_EQ(Sum(x), 0.0f);
  x[16] = 0, x[17] = 1;  // another partial sum: it is not
  EXPECT_EQ(Sum(x), 1.0f);
  // The tree adds index i and i + 8 first: 2^24 + 1 is rounded before 8 takes -2^24 away from it.
  std::vector<float> tree(16, 0.0f);
  tree[0] = 0x1p24f, tree[8] = 1, tree[4] = -0x1p24f;
  EXPECT_EQ(Sum(tree), 0.0f);
  tree[8] = -0x1p24f, tree[4] = 1;
  EXPECT_EQ(Sum(tree), 1.0f);
}

// The same tree, stated from the top: the sum of a list is that of its two halves added up.
float SumOfHalves(std::vector<float> x) {
  if (x.size() == 1) return x[0];
  std::vector<float> half(x.size() / 2);
  for (std::size_t i = 0; i < half.size(); ++i) half[i] = x[i] + x[i + half.size()];
  return SumOfHalves(half);
}

TEST(Sum, HasTheBitsOfTheTreeOverPartialSums) {
  for (const std::size_t count : {1u, 15u, 16u, 17u, 33u, 1000u}) {
    const std::vector<float> x = Normals(count, static_cast<unsigned>(count));
    std::vector<float> partial(16, 0.0f), partial_squares(16, 0.0f);
    for (std::size_t i = 0; i < count; ++i) {
      partial[i % 16] += x[i];
      partial_squares[i % 16] = std::fma(x[i], x[i], partial_squares[i % 16]);
    }
    EXPECT_EQ(Sum(x), SumOfHalves(partial)) << count;
    EXPECT_EQ(SumOfSquares(x), SumOfHalves(partial_squares)) << count;
  }
}

TEST(SumOfSquares, IsTheSumOfTheSquaresInTheSameOrder) {
  const std::vector<float> x = Normals(1000, 6);
  double truth = 0;
  for (const float value : x) truth += static_cast<double>(value) * value;
  // ceil(1000 / 16) fused multiply-adds and 4 levels of the tree, all terms positive.
  EXPECT_NEAR(SumOfSquares(x), truth, (63 + 4) * kU * truth);
  std::vector<float> lost(48, 0.0f);
  lost[0] = 0x1p12f, lost[16] = 1, lost[17] = 1;
  EXPECT_EQ(SumOfSquares(lost), 0x1p24f);  // in either partial sum 2^24 + 1 rounds to 2^24
}

TEST(RmsNorm, IsTheNormOfTheDefinition) {
  const std::size_t n = 320;
  const std::vector<float> x = Normals(n, 7), weight = Normals(n, 8);
  for (const float eps : {0.0f, 1e-5f, 1.0f}) {
    std::vector<float> y(n);
    RmsNorm(x, weight, eps, y);
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    const double inverse = 1 / std::sqrt(squares / n + eps);
    for (std::size_t i = 0; i < n; ++i) {
      const double truth = x[i] * inverse * weight[i];
      // The sum is off by 24 roundings, halved by the root; division, addition, root, reciprocal
      // and two products add one each.
      EXPECT_NEAR(y[i], truth, (24 / 2 + 6) * kU * std::fabs(truth));
    }
  }
}

TEST(Rope, TurnsPairsAndLeavesTheRest) {
  const std::vector<float> cosine = {0.6f, 0.0f}, sine = {0.8f, 1.0f};
  std::vector<float> head = {1, 2, 3, 4, 5, 6};
  Rope(cosine, sine, head);
  const std::vector<double> truth = {1 * 0.6 - 2 * 0.8, 2 * 0.6 + 1 * 0.8, -4, 3, 5, 6};
  for (std::size_t i = 0; i < head.size(); ++i) {
    // Two products and a sum: the roundings of the constants 0.6 and 0.8 and of the operations.
    EXPECT_NEAR(head[i], truth[i], 4 * kU * 4) << i;
  }
  EXPECT_EQ(head[4], 5.0f);
  EXPECT_EQ(head[5], 6.0f);
}

TEST(RopeHalves, TurnsEveryDimensionWithTheOneHalfBehind) {
  const float cosine[] = {0.0f, 0.5f}, sine[] = {1.0f, 0.25f};
  std::vector<float> head = {1, 2, 3, 4};
  RopeHalves(cosine, sine, head);
  EXPECT_EQ(head, (std::vector<float>{-3, 2 * 0.5f - 4 * 0.25f, 1, 4 * 0.5f + 2 * 0.25f}));
}

TEST(RopeHalves, IsRopeOfTheDimensionsInAnotherOrder) {
  const std::vector<float> cosine = Normals(8, 1), sine = Normals(8, 2);
  std::vector<float> halves = Normals(16, 3), pairs(16);
  for (std::size_t i = 0; i < 16; ++i) pairs[i] = halves[i / 2 + i % 2 * 8];
  RopeHalves(cosine, sine, halves);
  Rope(cosine, sine, pairs);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(pairs[i], halves[i / 2 + i % 2 * 8]) << i;
}

TEST(GeluMul, IsTheGateTimesUp) {
  const std::vector<float> gate = Normals(100, 4), up = Normals(100, 5);
  std::vector<float> y(100);
  GeluMul(gate, up, y);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double x = gate[i];
    const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    const double wanted = 0.5 * x * (1 + std::tanh(inner)) * up[i];
    EXPECT_NEAR(y[i], wanted, 1e-6 * std::fabs(wanted) + 1e-7 * std::fabs(up[i])) << i;
  }
}

TEST(ClampedSwigluMul, ClampsTheGateAboveAndUpOnBothSides) {
  const std::vector<float> gate = {1, 100, -100, 1, 1}, up = {2, 0, 3, 50, -50};
  std::vector<float> y(5);
  ClampedSwigluMul(gate, up, y);
  const auto swish = [](double g) { return g / (1 + std::exp(-1.702 * g)); };
  EXPECT_NEAR(y[0], swish(1) * 3, 1e-6);
  EXPECT_NEAR(y[1], swish(7), 1e-5);
  EXPECT_NEAR(y[2], swish(-100) * 4, 1e-30);
  EXPECT_NEAR(y[3], swish(1) * 8, 1e-5);
  EXPECT_NEAR(y[4], swish(1) * -6, 1e-5);
}

TEST(Softcap, BendsTowardsTheCap) {
  const std::vector<float> x = {0, 1, -30, 1000};
  std::vector<float> y(4);
  Softcap(x, 30, y);
  EXPECT_EQ(y[0], 0);
  EXPECT_NEAR(y[1], 30 * std::tanh(1.0 / 30), 1e-6);
  EXPECT_NEAR(y[2], -30 * std::tanh(1.0), 1e-5);
  EXPECT_EQ(y[3], 30);
}

TEST(SiluMul, IsTheGateTimesUp) {
  const std::vector<float> gate = Normals(1000, 9, 5), up = Normals(1000, 10);
  std::vector<float> y(1000);
  SiluMul(gate, up, y);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double g = gate[i];
    const double truth = g / (1 + std::exp(-g)) * up[i];
    // Silu is within 2.5 units in the last place, each of at most 2 u; the product rounds once.
    EXPECT_NEAR(y[i], truth, (5 + 1) * kU * std::fabs(truth));
  }
}

}  // namespace
}  // namespace millrace::reference

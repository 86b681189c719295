// The search finds blocks that are no worse than the plain ones, and about as good as there are.
// Errors are measured through reference::DequantiseRow.
#include "numerics/quantise_closely.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "numerics/blocks.h"
#include "numerics/quantise.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

constexpr DType kSearched[] = {DType::kQ8_0, DType::kQ5_0, DType::kQ4_0,
                               DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

using Quantiser = void (*)(DType, std::span<const float>, std::span<std::byte>);

std::vector<std::byte> Bytes(Quantiser quantise, DType dtype, std::span<const float> row) {
  std::vector<std::byte> bytes(RowBytes(dtype, row.size()));
  quantise(dtype, row, bytes);
  return bytes;
}

std::vector<float> Back(DType dtype, const std::vector<std::byte>& bytes, std::size_t count) {
  std::vector<float> values(count);
  reference::DequantiseRow(dtype, bytes.data(), values);
  return values;
}

double SquaredError(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

std::vector<float> Made(std::size_t count, const std::function<float(std::size_t)>& value) {
  std::vector<float> row(count);
  for (std::size_t i = 0; i < count; ++i) row[i] = value(i);
  return row;
}

// Rows of several kinds of weights.
std::vector<std::vector<float>> Rows() {
  static std::mt19937 random(7);
  static std::normal_distribution<float> normal(0, 0.02f);
  static std::student_t_distribution<float> heavy(3);
  static std::uniform_real_distribution<float> uniform(0, 1);
  constexpr std::size_t kCount = 256 * 16;
  return {
      Made(kCount, [](std::size_t) { return normal(random); }),
      Made(kCount, [](std::size_t) { return heavy(random); }),
      Made(kCount, [](std::size_t) { return 1 + uniform(random); }),
      Made(kCount, [](std::size_t) { return -5 - uniform(random); }),
      Made(kCount,
           [](std::size_t i) { return uniform(random) * std::exp2f(-float(i % 256 / 16)); }),
      Made(kCount, [](std::size_t i) { return normal(random) * (i % 32 == 5 ? 100.0f : 1.0f); }),
      Made(kCount, [](std::size_t) { return normal(random) * 1e-4f; }),  // halves are denormal
      Made(kCount, [](std::size_t i) { return i % 32 == 3 ? 1.0f : 0.0f; }),
  };
}

TEST(QuantiseRowClosely, NoBlockIsWorseThanThePlainOne) {
  for (const std::vector<float>& row : Rows()) {
    for (const DType dtype : kSearched) {
      const auto close = Back(dtype, Bytes(QuantiseRowClosely, dtype, row), row.size());
      const auto plain = Back(dtype, Bytes(QuantiseRow, dtype, row), row.size());
      const std::size_t block = BlockElements(dtype);
      for (std::size_t at = 0; at < row.size(); at += block) {
        const auto values = std::span(row).subspan(at, block);
        const double limit = SquaredError(values, std::span(plain).subspan(at, block));
        // The search adds up to 256 squares in binary32.
        ASSERT_LE(SquaredError(values, std::span(close).subspan(at, block)), limit * (1 + 1e-5))
            << Name(dtype) << " at " << at;
      }
    }
  }
}

// What was measured on normal weights, and a hundredth more.
TEST(QuantiseRowClosely, ErrorOfNormalWeightsIsWellBelowThePlainOne) {
  const std::vector<float> row = Rows()[0];
  const auto ratio = [&](DType dtype) {
    const auto close = Back(dtype, Bytes(QuantiseRowClosely, dtype, row), row.size());
    const auto plain = Back(dtype, Bytes(QuantiseRow, dtype, row), row.size());
    return std::sqrt(SquaredError(row, close) / SquaredError(row, plain));
  };
  EXPECT_LT(ratio(DType::kQ8_0), 0.94);
  EXPECT_LT(ratio(DType::kQ5_0), 0.94);
  EXPECT_LT(ratio(DType::kQ4_0), 0.95);
  EXPECT_LT(ratio(DType::kQ4_K), 0.90);
  EXPECT_LT(ratio(DType::kQ5_K), 0.91);
  EXPECT_LT(ratio(DType::kQ6_K), 0.91);
}

// Every half as the scale of a block of Q4_0, each value on the nearest step.
double LeastErrorQ4_0(std::span<const float> x) {
  double least = std::numeric_limits<double>::infinity();
  for (int bits = 0; bits < 0x10000; ++bits) {
    const double d = HalfToFloat(static_cast<Half>(bits));
    if (!std::isfinite(d) || d == 0) continue;
    double error = 0;
    for (const float value : x) {
      const double step = std::fmin(std::fmax(std::nearbyint(value / d), -8), 7);
      error += (value - step * d) * (value - step * d);
    }
    least = std::fmin(least, error);
  }
  return least;
}

TEST(QuantiseRowClosely, Q4_0IsWithinAHundredthOfTheBestScaleThereIs) {
  const std::vector<float> row = Rows()[0];
  double found = 0, least = 0;
  for (std::size_t at = 0; at < 32 * 12; at += 32) {
    const auto x = std::span(row).subspan(at, 32);
    found +=
        SquaredError(x, Back(DType::kQ4_0, Bytes(QuantiseRowClosely, DType::kQ4_0, x), x.size()));
    least += LeastErrorQ4_0(x);
  }
  EXPECT_LE(found, least * 1.01);
  EXPECT_GE(found, least * (1 - 1e-6));
}

TEST(QuantiseRowClosely, BlocksDoNotDependOnTheirNeighbours) {
  const std::vector<float> row = Rows()[1];
  for (const DType dtype : kSearched) {
    const auto whole = Bytes(QuantiseRowClosely, dtype, row);
    for (std::size_t at = 0; at < row.size(); at += 256) {
      const auto alone = Bytes(QuantiseRowClosely, dtype, std::span(row).subspan(at, 256));
      const auto there = std::span(whole).subspan(RowBytes(dtype, at), alone.size());
      ASSERT_THAT(alone, testing::ElementsAreArray(there)) << Name(dtype);
    }
  }
}

TEST(QuantiseRowClosely, WhatPlainBlocksHoldExactlyIsKept) {
  std::mt19937 random(3);
  const auto row = Made(256, [&](std::size_t i) {
    // Every 16 reach from -8 to 7 steps of 63/256, which is 63 units of a half.
    return 63.0f / 256 * (i % 16 == 0 ? -8.0f : i % 16 == 1 ? 7.0f : float(int(random() % 16) - 8));
  });
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_K}) {
    EXPECT_EQ(Back(dtype, Bytes(QuantiseRowClosely, dtype, row), 256), row) << Name(dtype);
  }
}

TEST(QuantiseRowClosely, ValuesThatCannotBeSquaredGivePlainBlocks) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float odd :
       {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), 3e38f, -1e30f, 1e-30f}) {
    auto row = std::vector<float>(256, odd);
    for (std::size_t i = 0; i < 250; i += 2) row[i] = std::fabs(odd) < 1 ? 0.0f : 1.0f;
    for (const DType dtype : kSearched) {
      EXPECT_EQ(Bytes(QuantiseRowClosely, dtype, row), Bytes(QuantiseRow, dtype, row))
          << Name(dtype) << " " << odd;
    }
  }
}

TEST(QuantiseRowClosely, WhateverGoesInTheScalesAreNumbers) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const float first : {kInfinity, -kInfinity, kNaN, 3e38f}) {
    for (const float second : {kInfinity, -kInfinity, kNaN, 1.0f}) {
      const auto row = Made(256, [&](std::size_t i) { return i % 2 == 0 ? first : second; });
      for (const DType dtype : kAllDTypes) {
        if (!IsQuantised(dtype)) continue;
        EXPECT_THAT(Back(dtype, Bytes(QuantiseRowClosely, dtype, row), 256),
                    testing::Each(testing::Truly([](float x) { return std::isfinite(x); })))
            << Name(dtype) << " " << first << " " << second;
      }
    }
  }
}

TEST(QuantiseRowClosely, OtherTypesAreThePlainOnes) {
  const std::vector<float> row = Rows()[0];
  for (const DType dtype : kAllDTypes) {
    if (std::ranges::find(kSearched, dtype) != std::end(kSearched)) continue;
    EXPECT_EQ(Bytes(QuantiseRowClosely, dtype, row), Bytes(QuantiseRow, dtype, row)) << Name(dtype);
  }
}

}  // namespace
}  // namespace millrace

#include "engine/probability.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/philox.h"

namespace millrace {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// FNV-1a over the bits of doubles: pins results that must be the same on every machine.
class Fingerprint {
 public:
  void Add(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ ((bits >> (8 * byte)) & 0xff)) * 0x100000001b3;
    }
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

TEST(ExpOfNonPositive, IsWithin2e7OfTheLibrarysDouble) {
  for (float x = 0; x >= -87; x -= 0.0000371f) {
    const double wanted = std::exp(double{x});
    ASSERT_NEAR(double{ExpOfNonPositive(x)}, wanted, 2e-7 * wanted) << x;
  }
}

TEST(ExpOfNonPositive, HasExactEnds) {
  EXPECT_EQ(ExpOfNonPositive(0.0f), 1.0f);
  EXPECT_EQ(ExpOfNonPositive(-0.0f), 1.0f);
  EXPECT_GE(ExpOfNonPositive(-87.0f), std::numeric_limits<float>::min());
  EXPECT_EQ(ExpOfNonPositive(std::nextafter(-87.0f, -88.0f)), 0.0f);
  EXPECT_EQ(ExpOfNonPositive(-1e30f), 0.0f);
  EXPECT_EQ(ExpOfNonPositive(-kInfinity), 0.0f);
  EXPECT_EQ(ExpOfNonPositive(kNaN), 0.0f);
}

TEST(Log, IsWithinItsErrorOfTheLibrarys) {
  for (double x = 1e-300; x < 1e300; x *= 1.0173) {
    const double wanted = std::log(x);
    ASSERT_NEAR(Log(x), wanted, 1e-15 * (1 + std::abs(wanted))) << x;
  }
  EXPECT_EQ(Log(1.0), 0.0);
}

TEST(Probability, ExpAndLogHaveTheirBitsOnEveryMachine) {
  Fingerprint fingerprint;
  for (int i = 0; i < 100'000; ++i) {
    fingerprint.Add(double{ExpOfNonPositive(static_cast<float>(-i) / 1024)});
    fingerprint.Add(Log(1 + i / 128.0));
  }
  EXPECT_EQ(fingerprint.value(), 11222480105295357835u);
}

TEST(SumOfExp, EqualsTheSumOfTheWeights) {
  for (const std::size_t count : {1u, 2u, 127u, 128u, 129u, 1000u}) {
    std::vector<float> logits(count);
    double wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      logits[i] = static_cast<float>(-20 * DrawUniform(1, 2, i));
      wanted += std::exp((double{logits[i]} - 1) * 0.5);
    }
    EXPECT_NEAR(SumOfExp(logits, 1.0f, 0.5f), wanted, 1e-6 * wanted);
  }
}

TEST(SumOfExp, CountsEqualLogits) {
  EXPECT_EQ(SumOfExp(std::vector<float>(1000, 5.0f), 5.0f, 3.0f), 1000.0);
}

TEST(SumOfExp, TakesNaNAndMinusInfinityForNothing) {
  const std::vector<float> logits = {kNaN, 2, -kInfinity, kNaN, 2};
  EXPECT_EQ(SumOfExp(logits, 2.0f, 1.0f), 2.0);
}

// With 1000 equal logits the running sum after i is i exactly.
TEST(SumOfExp, HasItsBitsOnEveryMachine) {
  Fingerprint fingerprint;
  for (std::uint64_t trial = 0; trial < 50; ++trial) {
    std::vector<float> logits(700 + trial);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      logits[i] = -static_cast<float>(DrawUniform(trial, 0, i) * 10);
    }
    fingerprint.Add(SumOfExp(logits, 0.0f, 1.0f));
  }
  EXPECT_EQ(fingerprint.value(), 3850881205809500382u);
}

TEST(DrawIndex, IsTheFirstWhoseRunningSumExceedsTheTarget) {
  const std::vector<float> logits(1000, 0.0f);
  std::vector<double> scratch(DrawScratchSize(logits.size()));
  for (std::size_t i = 0; i < 1000; ++i) {
    const double target = static_cast<double>(i) + 0.5;
    EXPECT_EQ(DrawIndex(logits, 0, 1, target / 1000, scratch), i);
  }
  EXPECT_EQ(DrawIndex(logits, 0, 1, 0.0, scratch), 0u);
  EXPECT_EQ(DrawIndex(logits, 0, 1, 1 - 0x1p-53, scratch), 999u);
}

TEST(DrawIndex, SkipsWhatHasNoProbability) {
  std::vector<float> logits(400, -kInfinity);
  std::vector<double> scratch(DrawScratchSize(logits.size()));
  for (std::size_t i = 0; i < 300; ++i) logits[i] = i % 2 == 0 ? kNaN : -1e30f;
  logits[140] = 3;
  for (const double uniform : {0.0, 0.5, 1 - 0x1p-53}) {
    EXPECT_EQ(DrawIndex(logits, 3, 1, uniform, scratch), 140u);
  }
}

// Rounding inside a chunk must not lead out of it, or to a token that cannot come.
TEST(DrawIndex, EndsAtAPossibleTokenForTheLargestUniform) {
  for (std::uint64_t trial = 0; trial < 2000; ++trial) {
    std::vector<float> logits(200, -kInfinity);
    for (std::size_t i = 0; i < 150; ++i) {
      logits[i] = static_cast<float>(-3 * DrawUniform(trial, 0, i));
    }
    logits[0] = 0;
    std::vector<double> scratch(DrawScratchSize(logits.size()));
    EXPECT_EQ(DrawIndex(logits, 0, 1, 1 - 0x1p-53, scratch), 149u);
  }
}

}  // namespace
}  // namespace millrace

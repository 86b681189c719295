// Exp, Silu, Tanh and Gelu against the true values in double, whose own error (below 1 ulp of
// binary64) is nothing here. MILLRACE_EXHAUSTIVE=1 takes every binary32 value (ten minutes); the
// default run every 7th where something happens (2^-24 <= |x| < 110) and every 1009th elsewhere.
#include "numerics/elementary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

namespace millrace {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Units in the last place of the binary32 nearest to `truth`, denormals included.
double UlpError(float value, double truth) {
  const float nearest = static_cast<float>(truth);
  if (std::isinf(nearest)) return value == nearest ? 0 : kInfinity;
  const double magnitude = std::max(std::fabs(truth), 0x1p-126);
  const double ulp = std::ldexp(1.0, std::ilogb(magnitude) - 23);
  return std::fabs(static_cast<double>(value) - truth) / ulp;
}

// Calls visit(x) for the binary32 values by their bits, NaNs left out.
template <typename Visit>
void ForFloats(Visit visit) {
  const bool exhaustive = std::getenv("MILLRACE_EXHAUSTIVE") != nullptr;
  for (std::uint64_t bits = 0; bits <= 0xffffffffu;) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!std::isnan(x)) visit(x);
    const float magnitude = std::fabs(x);
    bits += exhaustive ? 1 : magnitude >= 0x1p-24f && magnitude < 110.0f ? 7 : 1009;
  }
}

TEST(Exp, IsWithin0_94UlpEverywhere) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    if (std::fabs(x) > 110) return;  // see the next test
    const double error = UlpError(Exp(x), std::exp(static_cast<double>(x)));
    if (error > worst) worst = error, at = x;
  });
  EXPECT_LE(worst, 0.94) << "at " << at;
}

TEST(Exp, FarAwayIsZeroOrInfinity) {
  ForFloats([](float x) {
    if (x > 110) {
      ASSERT_EQ(Exp(x), kInfinity) << x;
    } else if (x < -110) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(Exp(x)), 0u) << x;
    }
  });
}

TEST(Exp, SpecialValues) {
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(-0.0f), 1.0f);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_EQ(Exp(-kInfinity), 0.0f);
  EXPECT_TRUE(std::isnan(Exp(std::numeric_limits<float>::quiet_NaN())));
}

double TrueSilu(float x) {
  const double exact = x;
  // For x < 0 the same quotient, expanded by exp(x): no overflow.
  return x >= 0 ? exact / (1 + std::exp(-exact)) : exact * std::exp(exact) / (1 + std::exp(exact));
}

TEST(Silu, IsWithin2_4UlpDownToMinus88) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    if (x < -88 || std::isinf(x)) return;
    const double error = UlpError(Silu(x), TrueSilu(x));
    if (error > worst) worst = error, at = x;
  });
  EXPECT_LE(worst, 2.4) << "at " << at;
}

TEST(Silu, BelowMinus88IsNearZero) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    if (x >= -88 || std::isinf(x)) return;
    const double error = std::fabs(static_cast<double>(Silu(x)) - TrueSilu(x));
    if (error > worst) worst = error, at = x;
  });
  EXPECT_LE(worst, 3e-37) << "at " << at;
}

TEST(Silu, SpecialValues) {
  EXPECT_EQ(Silu(0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(Silu(-0.0f)));
  EXPECT_EQ(Silu(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(Silu(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Tanh, IsWithin2_5UlpEverywhere) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    const double error = UlpError(Tanh(x), std::tanh(static_cast<double>(x)));
    if (error > worst) worst = error, at = x;
  });
  EXPECT_LE(worst, 2.5) << "at " << at;
}

TEST(Tanh, SpecialValues) {
  EXPECT_EQ(Tanh(0.0f), 0.0f);
  EXPECT_EQ(Tanh(kInfinity), 1.0f);
  EXPECT_EQ(Tanh(-kInfinity), -1.0f);
  EXPECT_TRUE(std::isnan(Tanh(std::numeric_limits<float>::quiet_NaN())));
}

double TrueGelu(float x) {
  const double exact = x, u = std::sqrt(2 / M_PI) * (exact + 0.044715 * exact * exact * exact);
  return exact / (1 + std::exp(-2 * u));
}

TEST(Gelu, IsWithin3UlpDownToMinus1) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    if (x < -1 || std::isinf(x)) return;
    const double error = UlpError(Gelu(x), TrueGelu(x));
    if (error > worst) worst = error, at = x;
  });
  EXPECT_LE(worst, 3) << "at " << at;
}

TEST(Gelu, BelowMinus1IsWithin1e_7) {
  double worst = 0;
  float at = 0;
  ForFloats([&](float x) {
    if (x >= -1 || std::isinf(x)) return;
    const double error = std::fabs(static_cast<double>(Gelu(x)) - TrueGelu(x));
    if (error > worst) worst = error, at = x;
  });
  EXPECT_LE(worst, 1e-7) << "at " << at;
}

TEST(Gelu, SpecialValues) {
  EXPECT_EQ(Gelu(0.0f), 0.0f);
  EXPECT_EQ(Gelu(3e38f), 3e38f);
  EXPECT_EQ(Gelu(-3e38f), 0.0f);
  EXPECT_TRUE(std::isnan(Gelu(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace millrace

#include "numerics/elementary.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace millrace {
namespace {

float PowerOfTwo(int exponent) {  // -126..127
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

}  // namespace

float Exp(float x) {
  if (std::isnan(x)) return x;
  x = x > kExpHighest ? kExpHighest : x;
  x = x < kExpLowest ? kExpLowest : x;
  const float n = std::nearbyint(x * kLog2E);
  float r = std::fma(n, -kLn2High, x);
  r = std::fma(n, -kLn2Low, r);
  float p = kExpCoefficients[0];
  for (int i = 1; i < 8; ++i) p = std::fma(p, r, kExpCoefficients[i]);
  // Two factors, so that neither leaves the normal range; only the last product rounds.
  const int exponent = static_cast<int>(n);
  const int half = exponent >> 1;
  return (p * PowerOfTwo(half)) * PowerOfTwo(exponent - half);
}

float Silu(float x) { return x / (1.0f + Exp(-x)); }

float Tanh(float x) {
  if (std::isnan(x)) return x;
  const float magnitude = std::fabs(x) < kTanhHighest ? std::fabs(x) : kTanhHighest;
  const float twice = magnitude + magnitude;
  const float n = std::nearbyint(twice * kLog2E);
  float r = std::fma(n, -kLn2High, twice);
  r = std::fma(n, -kLn2Low, r);
  float s = kTanhCoefficients[0];
  for (int i = 1; i < 7; ++i) s = std::fma(s, r, kTanhCoefficients[i]);
  const float power = PowerOfTwo(static_cast<int>(n));
  const float em1 = std::fma(power, std::fma(r * r, s, r), power - 1.0f);
  const float y = em1 / (em1 + 2.0f);
  const float upper = y < x ? y : x;  // y is at most |x|, so this gives y the sign of x
  return -y > upper ? -y : upper;
}

float Gelu(float x) {
  const float twice_u = x * std::fma(kGeluCubic, x * x, kGeluLinear);
  return x / (1.0f + Exp(-twice_u));
}

}  // namespace millrace

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

}  // namespace millrace

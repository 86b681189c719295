#include "numerics/half.h"

#include <bit>

namespace millrace {

float HalfToFloat(Half half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t fraction = half & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // denormal or zero, exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

Half FloatToHalf(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<Half>(bits >> 16 & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {  // NaN: quiet, payload cut, as vcvtps2ph does
    return static_cast<Half>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  }
  if (magnitude >= 0x477ff000u) return static_cast<Half>(sign | 0x7c00u);  // 65520 and up: infinity
  if (magnitude >= 0x38800000u) {  // normal: add half a unit in the last place, ties to even
    const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return static_cast<Half>(sign | (rounded - 0x38000000u) >> 13);
  }
  // Denormal: adding 0.5 puts the unit in the last place of a binary32 at 2^-24, the one of a
  // denormal binary16.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  return static_cast<Half>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
}

float BFloatToFloat(BFloat bfloat) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

BFloat FloatToBFloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<BFloat>(bits >> 16 | 0x40u);
  return static_cast<BFloat>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace millrace

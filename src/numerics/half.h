// binary16 and bfloat16: conversions to and from binary32, rounding to nearest even.
#pragma once

#include <cstdint>

namespace millrace {

using Half = std::uint16_t;    // the bits of an IEEE-754 binary16
using BFloat = std::uint16_t;  // the upper half of the bits of a binary32

float HalfToFloat(Half half);   // exact
Half FloatToHalf(float value);  // nearest even; overflow to infinity, denormals kept, NaN stays NaN
float BFloatToFloat(BFloat bfloat);  // exact
BFloat FloatToBFloat(float value);   // nearest even; NaN stays NaN

inline float RoundToHalf(float value) { return HalfToFloat(FloatToHalf(value)); }
inline float RoundToBFloat(float value) { return BFloatToFloat(FloatToBFloat(value)); }

}  // namespace millrace

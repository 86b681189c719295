// How a quantiser turns a value into a number of steps, and a step into a scale that a block can
// hold.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "numerics/half.h"

namespace millrace {

inline constexpr float kLargestHalf = 65504.0f;

// The integer nearest to value, ties to even, within low..high; low for a NaN. Adding 1.5 * 2^23
// leaves no bits for a fraction, and unlike a call of nearbyint it vectorises on every CPU.
inline int RoundWithin(float value, int low, int high) {
  constexpr float kNoFraction = 12582912.0f;
  const auto least = static_cast<float>(low), most = static_cast<float>(high);
  const float bounded = value > least ? (value < most ? value : most) : least;
  return static_cast<int>((bounded + kNoFraction) - kNoFraction);
}

// The half nearest to value, but no infinity; 0 for a NaN.
inline Half FiniteHalf(float value) {
  if (std::isnan(value)) return 0;
  return FloatToHalf(std::clamp(value, -kLargestHalf, kLargestHalf));
}

// What values are multiplied by to count steps: 0 if a step is nothing.
inline float Inverse(float step) { return step == 0.0f ? 0.0f : 1.0f / step; }

// The value of largest magnitude, with its sign; the first of equals.
inline float Extreme(std::span<const float> values) {
  float extreme = 0.0f;
  for (const float value : values) {
    if (std::fabs(value) > std::fabs(extreme)) extreme = value;
  }
  return extreme;
}

struct Range {
  float least, most;
};

// Of the values that are numbers, at least one; if there are none, of 0.
inline Range RangeOf(std::span<const float> values) {
  Range range{values[0], values[0]};
  for (const float value : values) {
    if (value < range.least || std::isnan(range.least)) range.least = value;
    if (value > range.most || std::isnan(range.most)) range.most = value;
  }
  return std::isnan(range.least) ? Range{0, 0} : range;
}

}  // namespace millrace

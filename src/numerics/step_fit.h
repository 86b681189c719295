// Values on evenly spaced steps: how far off they are, and which spacing would suit them better.
// The two moves of the search in quantise_closely.h.
#pragma once

#include <cstddef>
#include <cstring>

namespace millrace {

// The steps that values may take: scale * q - min, for integers q of low..high.
struct Steps {
  float scale = 0, min = 0;
};

// What is known of `count` values once each has gone to the nearest step. q are those steps.
struct StepSums {
  float error = 0;  // sum of (value - step)^2
  float q = 0, qq = 0, xq = 0;
};

// Four numbers at a time, which every CPU has registers for.
using FourFloats = float __attribute__((vector_size(16)));

// kCount values, a multiple of 4. The sums are taken in four parts by index, so they are the same
// on every machine.
template <std::size_t kCount>
StepSums Assess(const float* x, Steps steps, int low, int high) {
  constexpr float kNoFraction = 12582912.0f;  // as RoundWithin
  const float inverse = steps.scale == 0.0f ? 0.0f : 1.0f / steps.scale;
  const FourFloats least = FourFloats{} + static_cast<float>(low);
  const FourFloats most = FourFloats{} + static_cast<float>(high);
  FourFloats error{}, q{}, qq{}, xq{};
  for (std::size_t i = 0; i < kCount; i += 4) {
    FourFloats value;
    std::memcpy(&value, x + i, sizeof(value));
    const FourFloats exact = (value + steps.min) * inverse;
    const FourFloats above = exact > least ? exact : least;
    const FourFloats bounded = above < most ? above : most;
    const FourFloats step = (bounded + kNoFraction) - kNoFraction;
    const FourFloats off = (value + steps.min) - steps.scale * step;
    error += off * off;
    q += step;
    qq += step * step;
    xq += value * step;
  }
  const auto sum = [](FourFloats part) { return (part[0] + part[2]) + (part[1] + part[3]); };
  return {sum(error), sum(q), sum(qq), sum(xq)};
}

// The scale of least error for the q that gave these sums, without a minimum.
inline Steps FitScale(const StepSums& sums) {
  return {sums.qq > 0 ? sums.xq / sums.qq : 0.0f, 0.0f};
}

// The scale and the minimum, which is not negative. sum_x: of the `count` values.
inline Steps FitScaleAndMin(const StepSums& sums, float count, float sum_x) {
  const float determinant = count * sums.qq - sums.q * sums.q;
  if (!(determinant > 0)) return FitScale(sums);
  const float scale = (count * sums.xq - sums.q * sum_x) / determinant;
  const float min = (sums.q * sums.xq - sums.qq * sum_x) / determinant;
  return min > 0 ? Steps{scale, min} : FitScale(sums);
}

// By how much the fitted scale (and minimum) bring the error below that of steps at zero.
inline float Promise(const StepSums& sums) {
  return sums.qq > 0 ? sums.xq * sums.xq / sums.qq : 0.0f;
}
inline float Promise(const StepSums& sums, float count, float sum_x) {
  const Steps fit = FitScaleAndMin(sums, count, sum_x);
  return fit.scale * sums.xq - fit.min * sum_x;
}

}  // namespace millrace

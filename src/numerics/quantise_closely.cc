#include "numerics/quantise_closely.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "numerics/blocks.h"
#include "numerics/half.h"
#include "numerics/quantise.h"
#include "numerics/quantise_rounding.h"
#include "numerics/step_fit.h"
#include "numerics/store_blocks.h"

namespace millrace {
namespace {

// How a type divides a block, and which integers it has for values and for scales.
struct FormQ8_0 {
  using Block = BlockQ8_0;
  static constexpr std::size_t kElements = 32;
  static constexpr int kLow = -127, kHigh = 127;
};
struct FormQ4_0 {
  using Block = BlockQ4_0;
  static constexpr std::size_t kElements = 32;
  static constexpr int kLow = -8, kHigh = 7;
};
struct FormQ5_0 {
  using Block = BlockQ5_0;
  static constexpr std::size_t kElements = 32;
  static constexpr int kLow = -16, kHigh = 15;
};
struct FormQ4_K {
  using Block = BlockQ4_K;
  static constexpr std::size_t kParts = 8, kElements = 32;
  static constexpr int kLow = 0, kHigh = 15, kScaleLow = 0, kScaleHigh = 63;
  static constexpr bool kHasMin = true;
};
struct FormQ5_K {
  using Block = BlockQ5_K;
  static constexpr std::size_t kParts = 8, kElements = 32;
  static constexpr int kLow = 0, kHigh = 31, kScaleLow = 0, kScaleHigh = 63;
  static constexpr bool kHasMin = true;
};
struct FormQ6_K {
  using Block = BlockQ6_K;
  static constexpr std::size_t kParts = 16, kElements = 16;
  static constexpr int kLow = -32, kHigh = 31, kScaleLow = -128, kScaleHigh = 127;
  static constexpr bool kHasMin = false;
};

// By how many steps the range of the values is taken to be wider than the range of steps, at the
// starts: the ends are cut off, for the sake of the many in the middle.
constexpr float kWidest = 2.0f, kNarrowest = -1.0f, kStride = 0.1f;

template <typename Form>
StepSums Assess(const float* x, Steps steps) {
  return Assess<Form::kElements>(x, steps, Form::kLow, Form::kHigh);
}

template <typename Form>
int Nearest(float value, Steps steps) {
  return RoundWithin((value + steps.min) * Inverse(steps.scale), Form::kLow, Form::kHigh);
}

// ---- one scale a block

// Calls visit(scale) with the scales to start from.
template <typename Form, typename Visit>
void EachStart(float extreme, const Visit& visit) {
  for (float wider = kNarrowest; wider <= kWidest; wider += kStride) {
    visit(extreme / (static_cast<float>(Form::kLow) - wider));
    visit(extreme / (static_cast<float>(Form::kHigh) + wider));
  }
}

template <typename Form>
void QuantiseFlat(const float* x, typename Form::Block& block) {
  Half best = block.d;
  StepSums sums = Assess<Form>(x, {HalfToFloat(best), 0});
  const auto improve = [&](float scale) {
    const Half d = FiniteHalf(scale);
    const StepSums found = Assess<Form>(x, {HalfToFloat(d), 0});
    if (!(found.error < sums.error)) return false;
    best = d, sums = found;
    return true;
  };
  if (!(sums.error > 0)) return;
  StepSums promising;
  EachStart<Form>(Extreme({x, Form::kElements}), [&](float scale) {
    const StepSums found = Assess<Form>(x, {scale, 0});
    if (Promise(found) > Promise(promising)) promising = found;
  });
  improve(FitScale(promising).scale);
  while (improve(FitScale(sums).scale)) {
  }
  block = {};
  block.d = best;
  for (std::size_t i = 0; i < Form::kElements; ++i)
    StoreValue(block, i, Nearest<Form>(x[i], {HalfToFloat(best), 0}));
}

// ---- a scale for each sub-block

// The scales of a block of 256 as it stores them.
template <typename Form>
struct Scales {
  Half d = 0, dmin = 0;
  std::array<int, Form::kParts> scale{}, min{};

  Steps Of(std::size_t part) const {
    return {HalfToFloat(d) * static_cast<float>(scale[part]),
            HalfToFloat(dmin) * static_cast<float>(min[part])};
  }
};

template <typename Form>
using Sums = std::array<StepSums, Form::kParts>;

template <typename Form>
float TotalError(const Sums<Form>& sums) {
  float error = 0;
  for (const StepSums& part : sums) error += part.error;
  return error;
}

// The search for one block. x: 256 values.
template <typename Form>
class Search {
 public:
  Search(const float* x, const Scales<Form>& start) : x_(x), best_(start) {
    for (std::size_t p = 0; p < Form::kParts; ++p) {
      sum_x_[p] = 0;
      for (std::size_t i = 0; i < Form::kElements; ++i) sum_x_[p] += Part(p)[i];
      sums_[p] = Assess<Form>(Part(p), start.Of(p));
    }
    error_ = TotalError<Form>(sums_);
  }

  bool exact() const { return !(error_ > 0 && std::isfinite(error_)); }
  const Scales<Form>& best() const { return best_; }

  void Run() {
    for (std::size_t p = 0; p < Form::kParts; ++p) ideal_[p] = Ideal(p);
    float scale = 0, min = 0;
    for (const Steps& steps : ideal_) {
      if (std::fabs(steps.scale) > std::fabs(scale)) scale = steps.scale;
      min = std::max(min, steps.min);
    }
    for (const float most : kMosts) {
      const float units = scale < 0 && Form::kScaleLow < 0
                              ? -static_cast<float>(-Form::kScaleLow) * most
                              : static_cast<float>(Form::kScaleHigh) * most;
      Improve(FiniteHalf(scale / units),
              FiniteHalf(min / (static_cast<float>(Form::kScaleHigh) * most)));
    }
    for (int round = 0; round < kRounds; ++round) {
      const auto [d, dmin] = FitUnits();
      if (!Improve(d, dmin)) break;
    }
  }

 private:
  static constexpr float kMosts[] = {1.0f, 0.97f, 0.94f};
  static constexpr int kRounds = 4;

  const float* Part(std::size_t p) const { return x_ + p * Form::kElements; }

  Steps Fit(std::size_t p, const StepSums& sums) const {
    return Form::kHasMin ? FitScaleAndMin(sums, Form::kElements, sum_x_[p]) : FitScale(sums);
  }

  // The steps of least error for one part, were its scales real numbers.
  Steps Ideal(std::size_t p) const {
    const float* x = Part(p);
    Steps best;
    StepSums best_sums = Assess<Form>(x, best);
    const auto improve = [&](Steps steps) {
      const StepSums sums = Assess<Form>(x, steps);
      if (!(sums.error < best_sums.error)) return false;
      best = steps, best_sums = sums;
      return true;
    };
    StepSums promising;
    float most = 0;
    EachStart(x, [&](Steps start) {
      const StepSums found = Assess<Form>(x, start);
      const float promise =
          Form::kHasMin ? Promise(found, Form::kElements, sum_x_[p]) : Promise(found);
      if (promise > most) promising = found, most = promise;
    });
    improve(Fit(p, promising));
    while (improve(Fit(p, best_sums))) {
    }
    return best;
  }

  template <typename Visit>
  static void EachStart(const float* x, const Visit& visit) {
    const std::span<const float> values(x, Form::kElements);
    if constexpr (Form::kHasMin) {
      const auto [least, most] = RangeOf(values);
      const float min = std::max(0.0f, -least), reach = std::max(0.0f, most) + min;
      for (float wider = kNarrowest; wider <= kWidest; wider += kStride)
        visit(Steps{reach / (static_cast<float>(Form::kHigh) + wider), min});
    } else {
      millrace::EachStart<Form>(Extreme(values), [&](float scale) { visit(Steps{scale, 0}); });
    }
  }

  // Chooses the integers of every part for these units, and keeps all if that is better.
  bool Improve(Half d, Half dmin) {
    Scales<Form> scales{.d = d, .dmin = dmin};
    Sums<Form> sums;
    for (std::size_t p = 0; p < Form::kParts; ++p) ChooseIntegers(p, scales, sums[p]);
    const float error = TotalError<Form>(sums);
    if (!(error < error_)) return false;
    best_ = scales, sums_ = sums, error_ = error;
    return true;
  }

  void ChooseIntegers(std::size_t p, Scales<Form>& scales, StepSums& best_sums) const {
    const float d = HalfToFloat(scales.d), dmin = HalfToFloat(scales.dmin);
    int best_scale = 0, best_min = 0;
    best_sums.error = INFINITY;
    const auto consider = [&](int scale, int min) {
      const Steps steps{d * static_cast<float>(scale), dmin * static_cast<float>(min)};
      const StepSums sums = Assess<Form>(Part(p), steps);
      if (sums.error < best_sums.error) best_scale = scale, best_min = min, best_sums = sums;
      return sums;
    };
    const int scale = RoundWithin(ideal_[p].scale * Inverse(d), Form::kScaleLow, Form::kScaleHigh);
    for (int s = std::max(scale - 1, Form::kScaleLow); s <= std::min(scale + 1, Form::kScaleHigh);
         ++s) {
      if constexpr (!Form::kHasMin) {
        consider(s, 0);
      } else {
        const auto whole = [&](float min) {
          return RoundWithin(min * Inverse(dmin), 0, Form::kScaleHigh);
        };
        const int min = whole(ideal_[p].min);
        const StepSums sums = consider(s, min);
        // The minimum that suits this scale.
        const float mean_step = d * static_cast<float>(s) * sums.q;
        const int suiting = whole((mean_step - sum_x_[p]) / static_cast<float>(Form::kElements));
        for (int m = suiting - 1; m <= suiting + 1; ++m)
          if (m >= 0 && m <= Form::kScaleHigh && m != min) consider(s, m);
      }
    }
    scales.scale[p] = best_scale;
    scales.min[p] = best_min;
  }

  // The units of least error with all integers held.
  std::pair<Half, Half> FitUnits() const {
    float uu = 0, uv = 0, vv = 0, xu = 0, xv = 0;
    for (std::size_t p = 0; p < Form::kParts; ++p) {
      const auto scale = static_cast<float>(best_.scale[p]), min = static_cast<float>(best_.min[p]);
      uu += scale * scale * sums_[p].qq;
      xu += scale * sums_[p].xq;
      uv += scale * min * sums_[p].q;
      vv += min * min * static_cast<float>(Form::kElements);
      xv += min * sum_x_[p];
    }
    const float determinant = uu * vv - uv * uv;
    if (!(determinant > 0)) return {FiniteHalf(uu > 0 ? xu / uu : 0.0f), best_.dmin};
    return {FiniteHalf((xu * vv - uv * xv) / determinant),
            FiniteHalf((uv * xu - uu * xv) / determinant)};
  }

  const float* x_;
  std::array<float, Form::kParts> sum_x_{};
  std::array<Steps, Form::kParts> ideal_{};
  Scales<Form> best_;
  Sums<Form> sums_{};
  float error_ = 0;
};

Scales<FormQ6_K> ScalesOf(const BlockQ6_K& block) {
  Scales<FormQ6_K> scales{.d = block.d};
  std::copy(std::begin(block.scales), std::end(block.scales), scales.scale.begin());
  return scales;
}

template <typename Form, typename Block>
Scales<Form> ScalesOf(const Block& block) {
  Scales<Form> scales{.d = block.d, .dmin = block.dmin};
  for (int p = 0; p < 8; ++p) {
    const ScaleMin of = SixBitScaleMin(block.scales, p);
    scales.scale[static_cast<std::size_t>(p)] = of.scale;
    scales.min[static_cast<std::size_t>(p)] = of.min;
  }
  return scales;
}

void StoreScales(const Scales<FormQ6_K>& scales, BlockQ6_K& block) {
  block.d = scales.d;
  for (std::size_t p = 0; p < 16; ++p) block.scales[p] = static_cast<std::int8_t>(scales.scale[p]);
}

template <typename Form>
void StoreScales(const Scales<Form>& scales, typename Form::Block& block) {
  block.d = scales.d;
  block.dmin = scales.dmin;
  for (std::size_t p = 0; p < 8; ++p)
    StoreScaleMin(block.scales, p, scales.scale[p], scales.min[p]);
}

template <typename Form>
void QuantiseNested(const float* x, typename Form::Block& block) {
  Scales<Form> start;
  if constexpr (Form::kHasMin) {
    start = ScalesOf<Form>(block);
  } else {
    start = ScalesOf(block);
  }
  Search<Form> search(x, start);
  if (search.exact()) return;
  search.Run();
  block = {};
  StoreScales(search.best(), block);
  for (std::size_t i = 0; i < 256; ++i)
    StoreValue(block, i, Nearest<Form>(x[i], search.best().Of(i / Form::kElements)));
}

// Replaces the plain blocks of a row.
template <typename Form>
void Refine(std::span<const float> row, std::byte* out,
            void (*quantise)(const float*, typename Form::Block&), std::size_t elements) {
  for (std::size_t at = 0; at < row.size(); at += elements, out += sizeof(typename Form::Block)) {
    typename Form::Block block;
    std::memcpy(&block, out, sizeof(block));
    quantise(row.data() + at, block);
    std::memcpy(out, &block, sizeof(block));
  }
}

}  // namespace

void QuantiseRowClosely(DType dtype, std::span<const float> row, std::span<std::byte> out) {
  QuantiseRow(dtype, row, out);
  switch (dtype) {
    case DType::kQ8_0:
      return Refine<FormQ8_0>(row, out.data(), QuantiseFlat<FormQ8_0>, 32);
    case DType::kQ4_0:
      return Refine<FormQ4_0>(row, out.data(), QuantiseFlat<FormQ4_0>, 32);
    case DType::kQ5_0:
      return Refine<FormQ5_0>(row, out.data(), QuantiseFlat<FormQ5_0>, 32);
    case DType::kQ4_K:
      return Refine<FormQ4_K>(row, out.data(), QuantiseNested<FormQ4_K>, 256);
    case DType::kQ5_K:
      return Refine<FormQ5_K>(row, out.data(), QuantiseNested<FormQ5_K>, 256);
    case DType::kQ6_K:
      return Refine<FormQ6_K>(row, out.data(), QuantiseNested<FormQ6_K>, 256);
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
    case DType::kMXFP4:
    case DType::kQ2_K:
    case DType::kQ3_K:
      return;
  }
}

}  // namespace millrace

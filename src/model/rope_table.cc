#include "model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace millrace {
namespace {

// The pair, as a real number, that makes `turns` turns over the original context: the solution for
// i of context * base^(-2i / dimensions) = 2 pi turns.
double PairOfTurns(const RopeConfig& config, double turns) {
  return static_cast<double>(config.dimensions) *
         std::log(config.original_context_length / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(config.base));
}

// The share of the unscaled angle in each pair: 1 for pairs faster than beta_fast, 0 for those
// slower than beta_slow, a straight line in between.
class YarnRamp {
 public:
  explicit YarnRamp(const RopeConfig& config)
      : begin_(std::max(0.0, std::floor(PairOfTurns(config, config.beta_fast)))),
        end_(std::min(static_cast<double>(config.dimensions) - 1,
                      std::ceil(PairOfTurns(config, config.beta_slow)))) {}

  double operator()(double pair) const {
    const double slope = (pair - begin_) / std::max(0.001, end_ - begin_);
    return 1 - std::clamp(slope, 0.0, 1.0);
  }

 private:
  double begin_, end_;  // in pairs
};

}  // namespace

RopeTable BuildRopeTable(const RopeConfig& config, std::span<const float> divisors) {
  const auto pairs = static_cast<std::size_t>(config.dimensions / 2);
  MILLRACE_CHECK(divisors.empty() || divisors.size() == pairs);
  RopeTable table;
  table.magnitude = config.attention_factor;
  const bool yarn = config.scaling == RopeScaling::kYarn && config.extrapolation != 0;
  if (yarn) {
    table.magnitude *= 1 + config.magnitude_slope * std::log(std::max(1.0, config.factor));
  }
  for (std::size_t i = 0; i < pairs; ++i) {
    const auto pair = static_cast<double>(i);
    double frequency = std::pow(config.base, -2 * pair / static_cast<double>(config.dimensions));
    if (!divisors.empty()) frequency /= divisors[i];
    const double share = yarn ? YarnRamp(config)(pair) * config.extrapolation : 0;
    const double factor = config.scaling == RopeScaling::kNone ? 1 : config.factor;
    table.frequencies.push_back(frequency / factor * (1 - share) + frequency * share);
  }
  return table;
}

}  // namespace millrace

#include "validation/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "machine/load_system.h"
#include "model/shape.h"

namespace millrace {
namespace {

void ScaleCycles(std::int32_t& cycles, double factor) {
  cycles = std::max(1, static_cast<std::int32_t>(std::lround(cycles * factor)));
}

struct Case {
  Model model;
  System system;
};

Result<Case> Prepare(const PublishedResult& result) {
  if (result.model.empty()) return Unsupported("{}", result.unpredicted);
  MILLRACE_TRY(Model model, LoadShape(result.model));
  MILLRACE_TRY(System system, LoadSystem(fmt::format("{}x{}", result.machine, result.chips)));
  return Case{std::move(model), std::move(system)};
}

std::vector<Variation> Vary(const Case& of, const Predict& predict, const PublishedResult& result) {
  std::vector<Variation> variations;
  for (const double factor : {0.5, 1.5}) {
    const std::pair<const char*, System> systems[] = {
        {"function latencies", WithFunctionLatencies(of.system, factor)},
        {"hop latency", WithHopLatencies(of.system, factor)}};
    for (const auto& [name, system] : systems) {
      const auto prediction = predict(of.model.graph(), system, result);
      if (!prediction.ok()) continue;
      variations.push_back({fmt::format("{} x {}", name, factor), prediction->seconds});
    }
  }
  return variations;
}

}  // namespace

System WithFunctionLatencies(System system, double factor) {
  Chip& chip = system.chip;
  for (std::int32_t* cycles :
       {&chip.mem.read_latency_cycles, &chip.mem.write_latency_cycles,
        &chip.mxm.install_latency_cycles, &chip.mxm.pass_latency_cycles,
        &chip.mxm.emit_latency_cycles, &chip.vxm.alu_latency_cycles,
        &chip.vxm.divide_latency_cycles, &chip.vxm.fold_cycles, &chip.sxm.latency_cycles}) {
    ScaleCycles(*cycles, factor);
  }
  return system;
}

System WithHopLatencies(System system, double factor) {
  for (SystemLevel& level : system.levels) ScaleCycles(level.latency_cycles, factor);
  return system;
}

double Comparison::error() const {
  MILLRACE_CHECK(prediction.has_value());
  const double published_seconds = result.unit == PublishedResult::Unit::kTokensPerSecond
                                       ? 1 / result.value
                                       : result.value * 1e-6;
  return published_seconds / prediction->seconds - 1;
}

Comparison Compare(const PublishedResult& result, const Predict& predict, bool variations) {
  Comparison comparison{.result = result, .prediction = {}, .refusal = {}, .variations = {}};
  const Result<Case> prepared = Prepare(result);
  if (!prepared.ok()) {
    comparison.refusal = prepared.error().message;
    return comparison;
  }
  const auto prediction = predict(prepared->model.graph(), prepared->system, result);
  if (!prediction.ok()) {
    comparison.refusal = prediction.error().message;
    return comparison;
  }
  comparison.prediction = *prediction;
  if (variations && result.sensitivity) comparison.variations = Vary(*prepared, predict, result);
  return comparison;
}

}  // namespace millrace

#include "cli/beside.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/compile.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

constexpr const char* kChip = "groq-v1";

// HBM bandwidth as the vendor publishes it: NVIDIA H100 SXM data sheet, 3.35 TB/s; Rubin, 22 TB/s
// (announced with Vera Rubin NVL72).
struct Gpu {
  const char* name;
  double bytes_per_s;
};
constexpr Gpu kGpus[] = {{"H100", 3.35e12}, {"Rubin", 22e12}};

std::string Line(const std::string& machine, double tokens_per_s, const std::string& how) {
  return fmt::format("{:<12} {:>12.0f} tok/s  {:>9.2f} us a token  {}\n", machine, tokens_per_s,
                     1e6 / tokens_per_s, how);
}

std::string LpuLine(const Model& model, std::int32_t position) {
  const auto system = LoadSystem(kChip);
  if (!system.ok()) return fmt::format("one LPU: {}\n", system.error().message);
  const std::int32_t context = (position / 64 + 1) * 64;
  const auto compiled = compiler::Compile(
      model.graph(), *system, {.context = context, .position = position, .model = "this model"});
  if (!compiled.ok()) return fmt::format("one LPU: {}\n", compiled.error().message);
  const compiler::Report& report = compiled->report;
  return Line("one LPU", 1 / report.seconds(),
              fmt::format("exact: {} cycles of {}, {:.2f} times the least", report.cycles, kChip,
                          report.ratio()));
}

// Every weight that a token needs, once from HBM; nothing else counted.
std::string GpuLine(const Model& model) {
  double bytes = 0;
  for (const Operation& operation : model.graph().operations) {
    const auto add = [&](WeightId id, double share) {
      const Weight& weight = model.graph().weight(id);
      bytes +=
          share * static_cast<double>(weight.rows) *
          static_cast<double>(RowBytes(weight.dtype, static_cast<std::size_t>(weight.columns)));
    };
    if (const auto* linear = std::get_if<Linear>(&operation)) add(linear->weight, 1);
    if (const auto* experts = std::get_if<Experts>(&operation)) {
      const auto* route = std::get_if<Route>(&model.graph().operations[experts->routes.index()]);
      const auto all = static_cast<double>(model.graph().columns[experts->routes.index()]);
      const double share = route == nullptr ? 1 : route->chosen / all;
      for (const WeightId id : {experts->gate, experts->up, experts->down}) add(id, share);
    }
  }
  return Line(kGpus[0].name, kGpus[0].bytes_per_s / bytes,
              fmt::format("a bound that no GPU reaches: {:.1f} MB of weights over {:.2f} TB/s of "
                          "HBM ({}: {:.0f} tok/s)",
                          bytes / 1e6, kGpus[0].bytes_per_s / 1e12, kGpus[1].name,
                          kGpus[1].bytes_per_s / bytes));
}

}  // namespace

std::string BesideOtherMachines(const Model& model, double cpu_tokens_per_s, int threads,
                                std::int32_t position) {
  return Line("this CPU", cpu_tokens_per_s,
              fmt::format("measured: {} thread{}", threads, threads == 1 ? "" : "s")) +
         LpuLine(model, position) + GpuLine(model);
}

}  // namespace millrace

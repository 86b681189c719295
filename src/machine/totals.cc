#include "machine/totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr std::string_view kNames[] = {
    "sram_bytes",     "sram_bytes_per_s", "stream_bytes_per_cycle", "install_cycles",
    "int8_ops_per_s", "fp16_flops_per_s", "link_bytes_per_s",       "reach_sram_bytes"};

double SramBytesPerCycle(const Chip& chip) {
  return 2.0 * chip.mem.per_hemisphere * 2 * chip.vector_bytes;
}

// Multiply-accumulates of 8-bit activations a cycle.
double MacsPerCycle(const Chip& chip) {
  return 2.0 * chip.mxm.planes_per_hemisphere * chip.mxm.rows * chip.mxm.columns;
}

double LinkBytesPerSecond(const Chip& chip) {
  return 2.0 * chip.links.count * chip.vector_bytes / chip.links.vector_cycles * chip.clock_hz;
}

double LatencyNs(const MachineFile& machine, const SystemLevel& level) {
  const std::string key = fmt::format("level.{}.latency_ns", level.name);
  for (const Figure& figure : machine.figures) {
    if (figure.key == key) return figure.value;
  }
  MILLRACE_CHECK(false);
}

// A vector takes one hop of each level at most, but of a chain as many as there is time for, which
// reach both ways from the middle. Times are published in tens of nanoseconds.
double ReachedChips(const MachineFile& machine, double latency_ns) {
  constexpr double kResolutionNs = 1;
  double chips = 1, left_ns = latency_ns + kResolutionNs;
  for (const SystemLevel& level : machine.levels) {
    const double hop_ns = LatencyNs(machine, level);
    const double hops = std::floor(left_ns / hop_ns);
    if (hops < 1) break;
    const bool is_chain = level.kind == LevelKind::kChain;
    chips *= is_chain ? std::min<double>(level.count, 1 + 2 * hops) : level.count;
    left_ns -= (is_chain ? hops : 1) * hop_ns;
  }
  return chips;
}

}  // namespace

std::span<const std::string_view> TotalNames() { return kNames; }

double ComputeTotal(const MachineFile& machine, const PublishedTotal& total) {
  const Chip& chip = machine.chip;
  const double per_second = chip.clock_hz * total.chips;
  const auto sram_bytes = static_cast<double>(chip.sram_bytes());
  if (total.what == "sram_bytes") return sram_bytes * total.chips;
  if (total.what == "sram_bytes_per_s") return SramBytesPerCycle(chip) * per_second;
  if (total.what == "stream_bytes_per_cycle") return 2.0 * chip.streams * chip.vector_bytes;
  if (total.what == "install_cycles") {
    return std::ceil(static_cast<double>(chip.mxm.rows) * chip.mxm.columns /
                     (chip.mxm.install_streams * chip.vector_bytes));
  }
  if (total.what == "int8_ops_per_s") return 2 * MacsPerCycle(chip) * per_second;
  if (total.what == "fp16_flops_per_s") {
    return MacsPerCycle(chip) / chip.mxm.float_interval_cycles * per_second;
  }
  if (total.what == "link_bytes_per_s") return LinkBytesPerSecond(chip) * total.chips;
  MILLRACE_CHECK(total.what == "reach_sram_bytes");
  return ReachedChips(machine, total.latency_ns) * sram_bytes;
}

std::vector<TotalCheck> CheckTotals(const MachineFile& machine) {
  std::vector<TotalCheck> checks;
  for (const PublishedTotal& total : machine.totals) {
    TotalCheck check{.total = total, .computed = ComputeTotal(machine, total)};
    check.difference = check.computed / total.published - 1;
    check.agrees = std::fabs(check.difference) <= std::max(total.within, kRounding);
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace millrace

#include "sim/wires.h"

#include <algorithm>

namespace millrace::sim {
namespace {

std::int64_t Diagonal(const isa::StreamUse& use, std::int64_t step) {
  const std::int64_t cycle = use.cycle + step * use.steps.interval;
  return use.flow == isa::Flow::kInward ? cycle + use.position : cycle - use.position;
}

}  // namespace

Wires::Wires(const Chip& chip, std::size_t chips)
    : streams_(chip.streams), wires_(chips * 4 * static_cast<std::size_t>(chip.streams)) {}

Wires::Wire& Wires::WireOf(std::int32_t chip, const isa::StreamUse& use) {
  const std::int32_t direction =
      2 * static_cast<std::int32_t>(use.side) + static_cast<std::int32_t>(use.flow);
  return wires_[static_cast<std::size_t>((chip * 4 + direction) * streams_ + use.stream)];
}

void Wires::Drive(std::int32_t chip, const isa::StreamUse& use, std::int32_t operation,
                  std::int32_t vector) {
  Wire& wire = WireOf(chip, use);
  wire.runs.push_back({.first = Diagonal(use, 0),
                       .interval = use.steps.interval,
                       .count = use.steps.count,
                       .position = use.position,
                       .operation = operation,
                       .vector = vector});
  wire.longest = std::max(wire.longest, wire.runs.back().last() - wire.runs.back().first);
}

void Wires::Sort() {
  for (Wire& wire : wires_) {
    std::sort(wire.runs.begin(), wire.runs.end(),
              [](const Run& a, const Run& b) { return a.first < b.first; });
  }
}

Driven Wires::Find(std::int32_t chip, const isa::StreamUse& use, std::int64_t step) {
  Wire& wire = WireOf(chip, use);
  const std::int64_t diagonal = Diagonal(use, step);
  const auto end = std::upper_bound(wire.runs.begin(), wire.runs.end(), diagonal,
                                    [](std::int64_t d, const Run& run) { return d < run.first; });
  const bool inward = use.flow == isa::Flow::kInward;
  const Run* nearest = nullptr;
  // Of the drives on this diagonal, the vector is that of the last one before the position.
  for (auto run = end; run != wire.runs.begin();) {
    --run;
    if (run->first + wire.longest < diagonal) break;
    const std::int64_t offset = diagonal - run->first;
    if (offset % run->interval != 0 || offset / run->interval >= run->count) continue;
    if (inward ? run->position < use.position : run->position > use.position) continue;
    const bool nearer = nearest == nullptr || (inward ? run->position < nearest->position
                                                      : run->position > nearest->position);
    if (nearer) nearest = &*run;
  }
  if (nearest == nullptr) return {};
  return {.operation = nearest->operation,
          .step = static_cast<std::int32_t>((diagonal - nearest->first) / nearest->interval),
          .vector = nearest->vector};
}

}  // namespace millrace::sim

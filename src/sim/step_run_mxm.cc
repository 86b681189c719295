// MXM planes: installs, passes, emits (sim/plane.h has their rules).
#include <cstring>

#include "sim/step_run.h"

namespace millrace::sim {

Plane& StepRun::plane(const Running& running) {
  const isa::Unit& unit = running.issue.instruction->unit;
  const std::int32_t side = unit.side == isa::Hemisphere::kWest ? 0 : 1;
  return chip_state(running)
      .planes[static_cast<std::size_t>(side * chip_.mxm.planes_per_hemisphere + unit.index)];
}

void StepRun::BeginPlane(const Running& running) {
  const isa::Action& action = running.issue.instruction->action;
  const int port = std::holds_alternative<isa::Load>(action)   ? 0
                   : std::holds_alternative<isa::Pass>(action) ? 1
                                                               : 2;
  if (!TakePort(running, port, running.count * running.interval, isa::Rule::kIssue)) return;
  const char* wrong = nullptr;
  if (port == 0) wrong = plane(running).BeginLoad(std::get<isa::Load>(action), now_);
  if (port == 1) wrong = plane(running).BeginPass(std::get<isa::Pass>(action), now_);
  if (wrong != nullptr) Fail(running.issue, isa::Rule::kMatrix, wrong);
}

void StepRun::Step(const Running& running, const isa::Load& load, std::int64_t step) {
  const isa::Hemisphere side = running.issue.instruction->unit.side;
  const std::int32_t width = chip_.mxm.install_streams;
  const auto first = static_cast<std::int32_t>(step) * width;
  for (std::int32_t v = first; v < std::min(first + width, load.vectors); ++v) {
    const std::byte* vector =
        Take(running, {side, isa::Flow::kOutward, load.base + v - first, chip_.edge()});
    if (vector == nullptr) return;
    plane(running).Install(load, v, vector);
  }
}

void StepRun::Step(const Running& running, const isa::Pass& pass, std::int64_t step) {
  const isa::Hemisphere side = running.issue.instruction->unit.side;
  const isa::Load& tile = plane(running).tile(pass.buffer);
  const std::byte* values = Take(running, {side, isa::Flow::kOutward, pass.base, chip_.edge()});
  if (values == nullptr) return;
  const std::byte* second = nullptr;
  if (IsQuantised(tile.dtype) || pass.begin == isa::PassBegin::kRescale) {
    second = Take(running, {side, isa::Flow::kOutward, pass.base + 1, chip_.edge()});
    if (second == nullptr) return;
  }
  const char* wrong =
      plane(running).Multiply(pass, static_cast<std::int32_t>(step), now_, values, second);
  if (wrong != nullptr) Fail(running.issue, isa::Rule::kMatrix, wrong);
}

void StepRun::Step(const Running& running, const isa::Emit& emit, std::int64_t step) {
  const std::span<const float> sums =
      plane(running).Read(emit.accumulator + static_cast<std::int32_t>(step), now_);
  if (sums.empty()) {
    return Fail(running.issue, isa::Rule::kMatrix, "an accumulator that holds nothing yet");
  }
  std::vector<std::byte> group(emit.out.width * vector_bytes());
  std::memcpy(group.data() + emit.shift, sums.data(), emit.columns * sizeof(float));
  DriveGroup(running, running.issue.instruction->unit.side, isa::Flow::kInward, emit.out,
             chip_.edge(), chip_.mxm.emit_latency_cycles, group);
}

}  // namespace millrace::sim

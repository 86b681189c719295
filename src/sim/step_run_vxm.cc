// The VXM: when operands are taken, states are read and written, and results are driven. What is
// computed: sim/vxm_work.h.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "sim/step_run.h"

namespace millrace::sim {
namespace {

// Copies states that an instruction reads; false if one is not there yet.
bool ReadStates(const std::vector<Scalar>& states, StateRange range, std::int64_t now,
                std::vector<float>& into) {
  if (!range.reads) return true;
  for (std::int32_t i = 0; i < range.count; ++i) {
    const Scalar& state = states[static_cast<std::size_t>(range.slot + i)];
    if (state.ready > now) return false;
    into[static_cast<std::size_t>(i)] = state.value;
  }
  return true;
}

void Announce(std::vector<Scalar>& states, StateRange range, std::int64_t ready) {
  if (!range.writes) return;
  for (std::int32_t i = 0; i < range.count; ++i) {
    states[static_cast<std::size_t>(range.slot + i)].ready = ready;
  }
}

void WriteStates(std::vector<Scalar>& states, StateRange range, const std::vector<float>& from) {
  if (!range.writes) return;
  for (std::int32_t i = 0; i < range.count; ++i) {
    states[static_cast<std::size_t>(range.slot + i)].value = from[static_cast<std::size_t>(i)];
  }
}

// Binary32 elements of an operand that step `step` uses.
std::size_t ElementsOfA(const isa::Vxm& vxm, std::int64_t step) {
  if (vxm.op == isa::VxmOp::kSoftmaxStep) return isa::kKvBlock;
  if (vxm.op == isa::VxmOp::kDot) return 1;
  return StepElements(vxm, step);
}
std::size_t ElementsOfB(const isa::Vxm& vxm, std::int64_t step) {
  if (vxm.op == isa::VxmOp::kRope) return std::size_t{2} * vxm.pairs;
  if (vxm.op == isa::VxmOp::kDot) return static_cast<std::size_t>(vxm.elements);
  return StepElements(vxm, step);
}

}  // namespace

void StepRun::BeginVxm(Running& running) {
  const isa::Vxm& vxm = std::get<isa::Vxm>(running.issue.instruction->action);
  if (!TakePort(running, 0, running.count * running.interval, isa::Rule::kIssue)) return;
  ChipState& chip = chip_state(running);
  running.vxm = sim::BeginVxm(chip_, vxm);
  const StateRange states = StatesOf(vxm), sums = SumsOf(vxm);
  if (!ReadStates(chip.states, states, now_, running.vxm.states) ||
      !ReadStates(chip.states, sums, now_, running.vxm.sums)) {
    return Fail(running.issue, isa::Rule::kMatrix, "a state that is not there yet");
  }
  if (vxm.op == isa::VxmOp::kSoftmaxStep) {
    const auto position = ReadRegister(running.issue, vxm.position);
    const auto first = ReadRegister(running.issue, vxm.first_block);
    if (!position || !first) return;
    running.vxm.position = *position;
    running.vxm.first = running.issue.iteration == 0;
    running.vxm.first_position = isa::kKvBlock * (*first + running.issue.iteration);
  }
  const std::int64_t ready =
      now_ + (running.count - 1) * running.interval + isa::VxmTiming(chip_, vxm).latency_cycles;
  Announce(chip.states, states, ready);
  Announce(chip.states, sums, ready);
  if (vxm.op != isa::VxmOp::kRoute) return;
  for (int i = 0; i < vxm.chosen; ++i) {
    chip.registers[static_cast<std::size_t>(vxm.first_block + i)].ready = ready;
  }
}

std::vector<float> StepRun::Operand(const Running& running, const isa::Operand& operand,
                                    std::size_t needed) {
  std::vector<float> values(operand.streams.width * vector_bytes() / sizeof(float));
  const std::size_t vectors = (needed * sizeof(float) + vector_bytes() - 1) / vector_bytes();
  for (std::size_t v = 0; v < vectors && v < operand.streams.width; ++v) {
    const std::byte* vector = Take(
        running,
        {operand.side, isa::Flow::kInward, static_cast<std::int32_t>(operand.streams.base + v), 0});
    if (vector == nullptr) break;
    std::memcpy(reinterpret_cast<std::byte*>(values.data()) + v * vector_bytes(), vector,
                vector_bytes());
  }
  return values;
}

void StepRun::Step(Running& running, const isa::Vxm& vxm, std::int64_t step) {
  std::vector<float> a, b;
  if (vxm.a) a = Operand(running, *vxm.a, ElementsOfA(vxm, step));
  if (vxm.b) b = Operand(running, *vxm.b, ElementsOfB(vxm, step));
  if (fault_) return;
  std::vector<std::byte> out(vxm.to == isa::ResultSides::kNone ? 0
                                                               : vxm.out.width * vector_bytes());
  StepVxm(running.vxm, step, a, b, out);
  const bool last = step + 1 == running.count;
  if (last) FinishStates(running);
  isa::StreamGroup driven = vxm.out;
  driven.width = static_cast<std::uint8_t>(ResultVectors(chip_, vxm, step));
  if (driven.width == 0) return;
  const std::int64_t latency = isa::VxmTiming(chip_, vxm).latency_cycles;
  for (const isa::Hemisphere side : {isa::Hemisphere::kWest, isa::Hemisphere::kEast}) {
    const isa::ResultSides other =
        side == isa::Hemisphere::kWest ? isa::ResultSides::kEast : isa::ResultSides::kWest;
    if (vxm.to != other) DriveGroup(running, side, isa::Flow::kOutward, driven, 0, latency, out);
  }
}

void StepRun::FinishStates(Running& running) {
  const isa::Vxm& vxm = *running.vxm.vxm;
  ChipState& chip = chip_state(running);
  FinishVxm(running.vxm);
  WriteStates(chip.states, StatesOf(vxm), running.vxm.states);
  WriteStates(chip.states, SumsOf(vxm), running.vxm.sums);
  for (std::size_t i = 0; i < running.vxm.chosen.size(); ++i) {
    chip.registers[static_cast<std::size_t>(vxm.first_block) + i].value = running.vxm.chosen[i];
  }
}

}  // namespace millrace::sim

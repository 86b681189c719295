#include "sim/step_run.h"

#include <algorithm>
#include <tuple>
#include <variant>

#include <fmt/format.h>

namespace millrace::sim {
namespace {

bool CountsSteps(const isa::Section& section) { return section.repeats != isa::kNoRegister; }

}  // namespace

bool StepRun::Later::operator()(const Event& a, const Event& b) const {
  return std::tie(a.cycle, a.phase, a.sequence) > std::tie(b.cycle, b.phase, b.sequence);
}

StepRun::StepRun(SystemState& state, std::span<const std::int32_t> positions)
    : state_(state), program_(*state.program), chip_(state.system->chip) {
  const std::vector<std::int64_t> registers = isa::RegistersAt(program_, positions);
  starts_ = isa::SectionStarts(program_, registers);
  for (ChipState& chip : state_.chips) chip.Reset(chip_, program_, registers);
  for (std::vector<Arrival>& arrivals : state_.arrivals) arrivals.clear();
  ExpandCalls();
}

void StepRun::ExpandCalls() {
  for (std::size_t c = 0; c < program_.chips.size(); ++c) {
    for (const isa::Call& call : program_.chips[c].calls) {
      const auto number = static_cast<std::size_t>(call.section);
      const isa::Section& section = program_.sections[number];
      const std::int64_t times =
          CountsSteps(section)
              ? state_.chips[c].registers[static_cast<std::size_t>(section.repeats)].value
              : 1;
      for (std::int64_t i = 0; i < times; ++i) {
        const std::int64_t begin = starts_[number] + i * section.length_cycles;
        for (const isa::Instruction& instruction :
             program_.blocks[static_cast<std::size_t>(call.block)].instructions) {
          issues_.push_back(
              {begin + instruction.cycle, i, &instruction, &call, static_cast<std::int32_t>(c)});
        }
      }
    }
  }
  std::stable_sort(issues_.begin(), issues_.end(),
                   [](const Issue& a, const Issue& b) { return a.cycle < b.cycle; });
}

std::optional<isa::Fault> StepRun::Run() {
  std::size_t next = 0;
  while (!fault_ && (next < issues_.size() || !events_.empty())) {
    const bool issue =
        next < issues_.size() && (events_.empty() || issues_[next].cycle <= events_.top().cycle);
    if (issue) {
      now_ = issues_[next].cycle;
      Begin(issues_[next++]);
    } else {
      const Event event = events_.top();
      events_.pop();
      now_ = event.cycle;
      Dispatch(event);
    }
  }
  return fault_;
}

void StepRun::Push(Event event) {
  event.sequence = sequence_++;
  events_.push(event);
}

bool StepRun::TakePort(const Running& running, int port, std::int64_t busy_cycles, isa::Rule rule) {
  UnitQueue& queue = chip_state(running).queues[UnitNumber(chip_, running.issue.instruction->unit)];
  if (queue.free[port] > now_) {
    Fail(running.issue, rule,
         fmt::format("the unit is not free before cycle {}", queue.free[port]));
    return false;
  }
  queue.free[port] = now_ + busy_cycles;
  return true;
}

void StepRun::Begin(const Issue& issue) {
  Running running{.issue = issue};
  UnitQueue& queue = chip_state(running).queues[UnitNumber(chip_, issue.instruction->unit)];
  if (queue.issued == now_) {
    return Fail(issue, isa::Rule::kIssue, "a second instruction of one queue on this cycle");
  }
  queue.issued = now_;
  const isa::Action& action = issue.instruction->action;
  Phase phase = Phase::kStep;
  if (const auto* read = std::get_if<isa::Read>(&action)) {
    running.count = read->count, running.interval = read->interval;
    BeginMem(running, read->address);
  } else if (const auto* write = std::get_if<isa::Write>(&action)) {
    running.count = write->count, running.interval = write->interval;
    BeginMem(running, write->address);
  } else if (const auto* load = std::get_if<isa::Load>(&action)) {
    running.count = isa::LoadCycles(chip_, load->vectors);
    BeginPlane(running);
  } else if (const auto* pass = std::get_if<isa::Pass>(&action)) {
    running.count = pass->count, running.interval = pass->interval;
    BeginPlane(running);
  } else if (const auto* emit = std::get_if<isa::Emit>(&action)) {
    running.count = emit->count, running.interval = emit->interval;
    BeginPlane(running);
  } else if (const auto* vxm = std::get_if<isa::Vxm>(&action)) {
    running.count = vxm->count;
    running.interval = isa::VxmTiming(chip_, *vxm).interval_cycles;
    BeginVxm(running);
  } else if (const auto* shift = std::get_if<isa::Shift>(&action)) {
    running.count = shift->count;
    TakePort(running, 0, running.count, isa::Rule::kIssue);
  } else if (const auto* send = std::get_if<isa::Send>(&action)) {
    running.count = send->count, running.interval = chip_.links.vector_cycles;
    TakePort(running, 0, running.count * running.interval, isa::Rule::kLink);
  } else if (const auto* receive = std::get_if<isa::Receive>(&action)) {
    running.count = receive->count, running.interval = chip_.links.vector_cycles;
    phase = Phase::kReceive;
    TakePort(running, 1, running.count * running.interval, isa::Rule::kLink);
  }
  if (fault_ || running.count <= 0) return;
  std::int32_t slot = static_cast<std::int32_t>(running_.size());
  if (free_running_.empty()) {
    running_.emplace_back();
  } else {
    slot = free_running_.back();
    free_running_.pop_back();
  }
  running_[static_cast<std::size_t>(slot)] = std::move(running);
  Push({.cycle = now_, .phase = phase, .chip = issue.chip, .index = slot});
}

void StepRun::Dispatch(const Event& event) {
  ChipState& chip = state_.chips[static_cast<std::size_t>(event.chip)];
  switch (event.phase) {
    case Phase::kDrive:
      return Drive(event);
    case Phase::kStep:
    case Phase::kReceive:
      return NextStep(event);
    case Phase::kTake:
      return chip.streams.Take(event.at, now_);
    case Phase::kArrival:
      return CheckReceived(event);
  }
}

void StepRun::NextStep(const Event& event) {
  Running& running = running_[static_cast<std::size_t>(event.index)];
  if (now_ >= end_cycle()) {
    return Fail(running.issue, isa::Rule::kIssue,
                fmt::format("a step on cycle {}, but the program ends on {}", now_, end_cycle()));
  }
  std::visit([&](const auto& action) { Step(running, action, event.step); },
             running.issue.instruction->action);
  if (event.step + 1 == running.count) return free_running_.push_back(event.index);
  Event next = event;
  next.cycle += running.interval;
  next.step += 1;
  Push(next);
}

void StepRun::Drive(const Event& event) {
  std::vector<std::byte>& payload = payloads_[static_cast<std::size_t>(event.index)];
  ChipState& chip = state_.chips[static_cast<std::size_t>(event.chip)];
  if (!chip.streams.Drive(event.at, now_, payload)) {
    const bool inward = event.at.flow == isa::Flow::kInward;
    return FailAt(event.chip, event.unit, isa::Rule::kStream,
                  fmt::format("two vectors on {} stream {} at position {}",
                              inward ? "inward" : "outward", event.at.stream, event.at.position));
  }
  free_payloads_.push_back(event.index);
}

void StepRun::DriveLater(const Running& running, StreamPoint at, std::int64_t cycle,
                         std::span<const std::byte> vector) {
  auto slot = static_cast<std::int32_t>(payloads_.size());
  if (free_payloads_.empty()) {
    payloads_.emplace_back();
  } else {
    slot = free_payloads_.back();
    free_payloads_.pop_back();
  }
  payloads_[static_cast<std::size_t>(slot)].assign(vector.begin(), vector.end());
  Push({.cycle = cycle,
        .phase = Phase::kDrive,
        .chip = running.issue.chip,
        .index = slot,
        .at = at,
        .unit = running.issue.instruction->unit});
}

void StepRun::DriveGroup(const Running& running, isa::Hemisphere side, isa::Flow flow,
                         isa::StreamGroup group, std::int32_t position, std::int64_t delay,
                         std::span<const std::byte> bytes) {
  for (std::size_t v = 0; v < group.width; ++v) {
    DriveLater(running, {side, flow, static_cast<std::int32_t>(group.base + v), position},
               now_ + delay, bytes.subspan(v * vector_bytes(), vector_bytes()));
  }
}

const std::byte* StepRun::Take(const Running& running, StreamPoint at) {
  const std::byte* vector = chip_state(running).streams.Read(at, now_);
  if (vector == nullptr) {
    Fail(running.issue, isa::Rule::kStream,
         fmt::format("no vector on {} stream {} at position {}",
                     at.flow == isa::Flow::kInward ? "inward" : "outward", at.stream, at.position));
  }
  return vector;
}

std::optional<std::int64_t> StepRun::ReadRegister(const Issue& issue, isa::RegisterIndex index) {
  const Register& r =
      state_.chips[static_cast<std::size_t>(issue.chip)].registers[static_cast<std::size_t>(index)];
  if (r.ready > now_) {
    Fail(issue, isa::Rule::kMatrix, fmt::format("register {} is not there yet", index));
    return std::nullopt;
  }
  return r.value;
}

void StepRun::FailAt(std::int32_t chip, isa::Unit unit, isa::Rule rule, std::string message) {
  if (fault_) return;
  fault_ = isa::Fault{
      .rule = rule, .chip = chip, .unit = unit, .cycle = now_, .message = std::move(message)};
}

}  // namespace millrace::sim

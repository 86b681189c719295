// One step of the stepped simulator: the events of all chips in the order of time.
//
// Within a cycle, instructions are issued first; then vectors appear on stream registers; then
// units take what passes them; then links deliver, and vectors that were taken off vanish. A unit's
// own steps: step_run_mem.cc, step_run_mxm.cc, step_run_vxm.cc, step_run_links.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "isa/fault.h"
#include "isa/timing.h"
#include "sim/chip_state.h"
#include "sim/vxm_work.h"

namespace millrace::sim {

class StepRun {
 public:
  StepRun(SystemState& state, std::span<const std::int32_t> positions);

  // Executes everything, or up to the first fault.
  std::optional<isa::Fault> Run();
  std::int64_t end_cycle() const { return starts_.back(); }

 private:
  // An instruction that a unit is told to do.
  struct Issue {
    std::int64_t cycle = 0;
    std::int64_t iteration = 0;
    const isa::Instruction* instruction = nullptr;
    const isa::Call* call = nullptr;
    std::int32_t chip = 0;
  };
  // One at work: steps left, and what was settled when it was issued.
  struct Running {
    Issue issue;
    std::int64_t count = 0, interval = 1;
    std::int64_t word = 0;    // of the first step
    bool takes_place = true;  // a Write's condition
    VxmWork vxm = {};
  };
  enum class Phase : std::uint8_t { kDrive, kStep, kReceive, kTake, kArrival };
  struct Event {
    std::int64_t cycle = 0;
    Phase phase = Phase::kStep;
    std::uint64_t sequence = 0;  // of equal ones, the first made comes first
    std::int32_t chip = 0;
    std::int32_t index = 0;  // kDrive: of payloads_; kArrival: link; else of running_
    std::int64_t step = 0;
    StreamPoint at = {};  // kDrive, kTake
    isa::Unit unit = {};  // kDrive: who drives
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const;
  };

  void ExpandCalls();
  void Begin(const Issue& issue);
  void Dispatch(const Event& event);
  void NextStep(const Event& event);
  void Drive(const Event& event);
  void Push(Event event);

  // Beginning, by kind: returns what is wrong with the unit's state.
  void BeginMem(Running& running, const isa::Address& address);
  void BeginPlane(const Running& running);
  void BeginVxm(Running& running);
  bool TakePort(const Running& running, int port, std::int64_t busy_cycles, isa::Rule rule);
  std::optional<std::int64_t> ReadRegister(const Issue& issue, isa::RegisterIndex index);

  void Step(const Running& running, const isa::Read& read, std::int64_t step);
  void Step(const Running& running, const isa::Write& write, std::int64_t step);
  void Step(const Running& running, const isa::Load& load, std::int64_t step);
  void Step(const Running& running, const isa::Pass& pass, std::int64_t step);
  void Step(const Running& running, const isa::Emit& emit, std::int64_t step);
  void Step(Running& running, const isa::Vxm& vxm, std::int64_t step);
  void Step(const Running& running, const isa::Shift& shift, std::int64_t step);
  void Step(const Running& running, const isa::Send& send, std::int64_t step);
  void Step(const Running& running, const isa::Receive& receive, std::int64_t step);
  void CheckReceived(const Event& event);
  bool UsePort(const Running& running, std::int64_t word, bool write);
  std::vector<float> Operand(const Running& running, const isa::Operand& operand,
                             std::size_t needed);
  void FinishStates(Running& running);

  // The vector at a register, or null and a fault.
  const std::byte* Take(const Running& running, StreamPoint at);
  // Drives the vectors of a group `delay` cycles from now.
  void DriveGroup(const Running& running, isa::Hemisphere side, isa::Flow flow,
                  isa::StreamGroup group, std::int32_t position, std::int64_t delay,
                  std::span<const std::byte> bytes);
  void DriveLater(const Running& running, StreamPoint at, std::int64_t cycle,
                  std::span<const std::byte> vector);
  void Fail(const Issue& issue, isa::Rule rule, std::string message) {
    FailAt(issue.chip, issue.instruction->unit, rule, std::move(message));
  }
  void FailAt(std::int32_t chip, isa::Unit unit, isa::Rule rule, std::string message);

  ChipState& chip_state(const Running& running) {
    return state_.chips[static_cast<std::size_t>(running.issue.chip)];
  }
  Plane& plane(const Running& running);
  std::size_t vector_bytes() const { return static_cast<std::size_t>(chip_.vector_bytes); }

  SystemState& state_;
  const isa::Program& program_;
  const Chip& chip_;
  std::vector<std::int64_t> starts_;  // of sections
  std::vector<Issue> issues_;         // by cycle
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<Running> running_;
  std::vector<std::int32_t> free_running_;
  std::vector<std::vector<std::byte>> payloads_;  // of drives to come
  std::vector<std::int32_t> free_payloads_;
  std::uint64_t sequence_ = 0;
  std::int64_t now_ = 0;
  std::optional<isa::Fault> fault_;
};

}  // namespace millrace::sim

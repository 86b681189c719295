// A task: a few instructions whose cycles are fixed to each other, scheduled as one.
//
// Reading a weight tile from sixteen slices and installing it is a task; so is an operation of the
// VXM with the reads of its operands and the writes of its result. Since nothing on the chip can
// wait, all its cycles follow from one: the base. What a task occupies is a list of usages relative
// to it, what it does a list of instructions, for all chips of a group or for one of them.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/floorplan.h"
#include "compiler/reservation.h"
#include "isa/instruction.h"
#include "isa/timing.h"

namespace millrace::compiler {

inline constexpr std::int32_t kAllChips = -1;

struct TimedInstruction {
  std::int32_t member = kAllChips;  // of the group of chips
  isa::Instruction instruction;     // cycle relative to the base
};

class Task {
 public:
  explicit Task(const Floorplan& plan) : plan_(&plan) {}

  const std::vector<Usage>& usages() const { return usages_; }
  const std::vector<TimedInstruction>& instructions() const { return instructions_; }
  const Floorplan& plan() const { return *plan_; }

  enum class Usages { kCount, kSilent };
  // The following instructions are for one member of the group only. Their usages count all the
  // same, so that all chips keep one time; kSilent if another member's stand for them already.
  void SetMember(std::int32_t member, Usages usages = Usages::kCount) {
    member_ = member;
    silent_ = usages == Usages::kSilent;
  }

  // A word a step out of a slice, passing `position` on cycle `at` (step 0). Inward it goes on to
  // the VXM, outward to the edge.
  void Read(isa::Hemisphere side, std::int32_t slice, isa::Read read, std::int32_t position,
            std::int32_t at);
  // A word a step into a slice, from a stream that is at `position` on cycle `at` (step 0).
  // Says nothing of the stream: see Carry. Returns the cycle from which step 0 can be read.
  std::int32_t Write(isa::Hemisphere side, std::int32_t slice, isa::Write write,
                     std::int32_t position, std::int32_t at);
  // A vector a step travels on `stream` from position `from` to `to`; it is at `from` on cycle
  // `at`.
  void Carry(isa::Hemisphere side, isa::Flow flow, std::int32_t stream, std::int32_t from,
             std::int32_t to, std::int32_t at, std::int32_t count, std::int32_t interval = 1);

  // The buffer is taken until cycle `until`.
  void Load(std::int32_t plane, isa::Load load, std::int32_t at, std::int32_t until);
  void Pass(std::int32_t plane, isa::Pass pass, std::int32_t at);
  void Emit(std::int32_t plane, isa::Emit emit, std::int32_t at);
  void Vxm(std::int32_t chain, const isa::Vxm& vxm, std::int32_t at);
  void Shift(isa::Hemisphere side, const isa::Shift& shift, std::int32_t at);
  // `slot`: which of the links' resources it takes. Chips of a group use different links for the
  // same thing (to the chip d places further), so that not the link but the distance is what all of
  // them have in common.
  void Send(std::int32_t link, std::int32_t slot, const isa::Send& send, std::int32_t at);
  void Receive(std::int32_t link, std::int32_t slot, const isa::Receive& receive, std::int32_t at);

 private:
  void Use(std::int32_t resource, std::int32_t first, std::int32_t count = 1,
           std::int32_t interval = 1);
  void Add(isa::Unit unit, isa::Action action, std::int32_t at);

  const Floorplan* plan_;
  std::int32_t member_ = kAllChips;
  bool silent_ = false;
  std::vector<Usage> usages_;
  std::vector<TimedInstruction> instructions_;
};

}  // namespace millrace::compiler

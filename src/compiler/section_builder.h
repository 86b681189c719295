// One section in the making: tasks are placed as early as they can be, and leave instructions.
//
// A list scheduler whose list is the order of the graph: a task's place is the first cycle at or
// after `ready` on which all it needs is free. Later tasks fill the holes that earlier ones left;
// that is how the weights of the next operation come while this one computes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "compiler/reservation.h"
#include "compiler/task.h"

namespace millrace::compiler {

class SectionBuilder {
 public:
  // members: chips of the group for which instructions are kept. period: of a loop, or 0.
  SectionBuilder(const Floorplan& plan, std::int32_t members, std::int32_t period = 0);

  // Returns the base; straight code always finds one, a loop may not.
  std::optional<std::int64_t> TryPlace(const Task& task, std::int64_t ready);
  std::int64_t Place(const Task& task, std::int64_t ready);
  // Of alternatives, the one that can be earliest: its index and base.
  struct Choice {
    std::size_t index = 0;
    std::int64_t base = 0;
  };
  Choice PlaceEarliest(const std::vector<Task>& tasks, std::int64_t ready);
  std::optional<Choice> TryPlaceEarliest(const std::vector<Task>& tasks, std::int64_t ready);

  // Takes what another section's instructions still occupy behind its end.
  void Occupy(std::span<const Usage> usages) { table_.Reserve(usages, 0); }

  const ReservationTable& table() const { return table_; }
  // The instructions of a member, sorted by cycle, then unit.
  std::vector<isa::Instruction> Instructions(std::int32_t member) const;

  // Of a loop: what its last iterations occupy behind its end, in cycles from there.
  std::vector<Usage> Drain() const;

 private:
  void Keep(const Task& task, std::int64_t base);

  ReservationTable table_;
  std::vector<Usage> placed_;  // of a loop only: all usages, in cycles of the iteration
  std::vector<std::vector<isa::Instruction>> instructions_;  // by member
};

}  // namespace millrace::compiler

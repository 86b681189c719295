// Which cycles of which resources are taken: what the list scheduler asks and marks.
//
// A resource is anything that only one instruction can have on a cycle: an issue slot, a memory
// port, a stream's diagonal, an install port, an ALU chain, a link. Straight code has one bit for
// every cycle. A loop whose iterations begin every `period` cycles has one bit for every cycle
// modulo the period: what is free there is free in every iteration (modulo scheduling, Rau 1994,
// "Iterative modulo scheduling", MICRO-27).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::compiler {

// count cycles first, first + interval, ... of a resource, relative to the task's base.
struct Usage {
  std::int32_t resource = 0;
  std::int32_t first = 0;
  std::int32_t count = 1;
  std::int32_t interval = 1;
};

class ReservationTable {
 public:
  // period 0: straight code.
  ReservationTable(std::int32_t resources, std::int32_t period = 0);

  std::int32_t period() const { return period_; }

  // The first cycle >= ready at which all usages are free; in a loop nothing if there is none.
  std::optional<std::int64_t> EarliestFit(std::span<const Usage> usages, std::int64_t ready) const;
  void Reserve(std::span<const Usage> usages, std::int64_t at);

  // The first cycle behind everything reserved (straight code).
  std::int64_t end() const { return end_; }

 private:
  // The last conflicting cycle of `usage` at `at`, or nothing.
  std::optional<std::int64_t> Conflict(const Usage& usage, std::int64_t at) const;
  // Whether iterations of a loop would meet each other in these usages.
  bool MeetsItself(std::span<const Usage> usages) const;
  bool Taken(std::int32_t resource, std::int64_t cycle) const;
  std::optional<std::int64_t> LastTaken(std::int32_t resource, std::int64_t first,
                                        std::int64_t end) const;

  std::int32_t period_;
  std::int64_t end_ = 0;
  std::vector<std::vector<std::uint64_t>> taken_;  // by resource, a bit a cycle
};

}  // namespace millrace::compiler

// Who drove the vector that is taken: the streams of all chips as runs of steps on diagonals.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/streams.h"

namespace millrace::sim {

// Vector `vector` of step `step` of an operation.
struct Driven {
  std::int32_t operation = -1, step = 0, vector = 0;
};

class Wires {
 public:
  Wires(const Chip& chip, std::size_t chips);

  // All drives of one operation's vector.
  void Drive(std::int32_t chip, const isa::StreamUse& use, std::int32_t operation,
             std::int32_t vector);
  // After the last drive.
  void Sort();
  // The vector that is at step `step` of a use that reads or takes. operation < 0: none.
  Driven Find(std::int32_t chip, const isa::StreamUse& use, std::int64_t step);

 private:
  // Steps on diagonals first, first + interval, ...
  struct Run {
    std::int64_t first = 0, interval = 1, count = 1;
    std::int32_t position = 0, operation = 0, vector = 0;
    std::int64_t last() const { return first + (count - 1) * interval; }
  };
  struct Wire {
    std::vector<Run> runs;     // by first
    std::int64_t longest = 0;  // last - first of any
  };
  Wire& WireOf(std::int32_t chip, const isa::StreamUse& use);

  std::int32_t streams_;
  std::vector<Wire> wires_;
};

}  // namespace millrace::sim

// The stream registers of one chip: the wires on which vectors travel between functional slices.
//
//     position      0     1     2     3
//     cycle t            [v]                 Drive(outward, s, 1, t, v)
//     cycle t+1                [v]           readable at 2, no longer at 1
//     cycle t+2                      [v]
//     cycle t+3                              past the edge: gone
//
// A vector never changes its diagonal (position - cycle outward, position + cycle inward), so it
// rests in memory and only the question where it is depends on time. Nothing here can wait: a wrong
// schedule is never late, it is a fault. Contract: docs/isa.md, "Streams".
//
// Calls must come in ascending order of cycles; within one, drives before reads before takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "isa/instruction.h"
#include "machine/chip.h"

namespace millrace::sim {

// A register of the file: one stream of one hemisphere at one position.
struct StreamPoint {
  isa::Hemisphere side = isa::Hemisphere::kWest;
  isa::Flow flow = isa::Flow::kInward;
  std::int32_t stream = 0;
  std::int32_t position = 0;
};

class StreamFile {
 public:
  explicit StreamFile(const Chip& chip);

  // As before the first cycle.
  void Clear();

  // Puts `vector` (vector_bytes) on the wire. False if that register holds a vector already,
  // however it came there.
  bool Drive(StreamPoint at, std::int64_t cycle, std::span<const std::byte> vector);

  // The vector in the register, or null if it is empty. Valid until the next Drive. Reading does
  // not consume: any number of units may read a vector as it passes.
  const std::byte* Read(StreamPoint at, std::int64_t cycle) const;

  // Ends the way of the vector in the register: the positions behind it stay empty.
  void Take(StreamPoint at, std::int64_t cycle);

 private:
  struct Slot {
    std::int64_t diagonal = -1;
    bool holds = false;
  };

  std::size_t Index(StreamPoint at, std::int64_t diagonal) const;
  std::int64_t Diagonal(StreamPoint at, std::int64_t cycle) const;

  std::int32_t edge_, streams_, vector_bytes_;
  std::size_t diagonals_ = 1;             // that are kept: a power of two above the positions
  std::vector<Slot> slots_;               // [side, flow, stream, diagonal mod diagonals_]
  std::unique_ptr<std::byte[]> vectors_;  // the same, vector_bytes each
};

}  // namespace millrace::sim

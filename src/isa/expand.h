// A chip's program in absolute time: which instruction every unit issues on which cycle.
//
// Calls are expanded to their blocks, loops to their iterations; the steps of an instruction stay
// together (StepsOf). The program must have passed VerifyStructure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa/program.h"
#include "isa/timing.h"

namespace millrace::isa {

struct Issue {
  std::int64_t cycle = 0;
  const Instruction* instruction = nullptr;  // of the program
  const Call* call = nullptr;
  std::int64_t iteration = 0;
  // kMxm: the tile that a Pass multiplies with, a Load into its buffer before it; null: none.
  const Load* tile = nullptr;
};

// All issues of a chip, sorted by unit, then cycle. starts: of SectionStarts.
std::vector<Issue> Expand(const Program& program, std::int32_t chip,
                          std::span<const std::int64_t> registers,
                          std::span<const std::int64_t> starts);

// Step i takes place on cycle issue + i * interval.
struct Steps {
  std::int64_t count = 1;
  std::int64_t interval = 1;
  std::int64_t busy_cycles() const { return count * interval; }
  std::int64_t last() const { return (count - 1) * interval; }
};
Steps StepsOf(const Chip& chip, const Instruction& instruction);

// The word of an address, without steps. Relocations beyond those of the call count as 0.
std::int64_t WordOf(const Address& address, const Issue& issue,
                    std::span<const std::int64_t> registers);

bool TakesPlace(const Condition& condition, std::span<const std::int64_t> registers);

}  // namespace millrace::isa

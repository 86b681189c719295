// How long instructions take: the formulas of docs/isa.md, "Timing", on the numbers of a chip.
//
// Compiler, verifier and simulator share these and nothing else: a latency is a fact of the
// machine, and stands in one place.
#pragma once

#include <cstdint>

#include "isa/instruction.h"
#include "machine/chip.h"

namespace millrace::isa {

struct StepTiming {
  std::int32_t interval_cycles = 1;  // between two steps: the unit is busy count * interval
  std::int32_t latency_cycles = 0;   // from a step's operands to its result
};

// A VXM instruction. The interval is what the chain's ALUs need for the operations of one step; the
// latency is the operations one after the other. A sum over lanes takes the superlanes one after
// the other, a step of fold_cycles each, and the next vector waits for it if a run is longer
// than a step or is cut by its end. The states that an instruction writes can be used by
// instructions issued latency_cycles after its last step, or later.
StepTiming VxmTiming(const Chip& chip, const Vxm& vxm);

// A pass over a tile of `k` weights a column: a result is in its accumulator latency_cycles after
// its activation arrived at the edge, and the next pass on the same accumulator can begin
// chain_cycles after this one.
struct PassTiming {
  std::int32_t interval_cycles = 1;
  std::int32_t chain_cycles = 0;
  std::int32_t latency_cycles = 0;
};
PassTiming TimePass(const Chip& chip, DType dtype, std::int32_t k);

// Vectors of activations (values and scales are a pair) that hold `k` elements for weights of
// `dtype`: elements a pass takes at most.
std::int32_t PassElements(const Chip& chip, DType dtype);

// Cycles that a load of `vectors` occupies the install port.
std::int32_t LoadCycles(const Chip& chip, std::int32_t vectors);

}  // namespace millrace::isa

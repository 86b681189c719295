// Which states and registers an instruction reads and writes: docs/isa.md, "VXM".
#pragma once

#include <array>
#include <cstdint>

#include "isa/instruction.h"

namespace millrace::isa {

// States [begin, begin + count).
struct StateRange {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};
struct StateUse {
  std::array<StateRange, 2> reads, writes;
};
StateUse StatesOf(const Vxm& vxm);

// Runs of an instruction whose states belong to runs of elements; run must be above 0.
std::int64_t RunsOf(const Vxm& vxm);

}  // namespace millrace::isa

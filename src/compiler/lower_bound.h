// The least time a step can take: from the graph and the machine alone, never from a schedule.
//
// Along the longest chain of dependent operations, each takes at least
//
//   - the time to install its weights, less what the buffers of all planes may hold beforehand,
//     or to stream its operands, whichever is longer, and
//   - the latency of its pipeline in the order of sums that docs/numerics.md prescribes, with the
//     least way between VXM and matrix unit, and a link where a divided value must become whole;
//
// and the whole takes at least all weight bytes over the install rate, and all bytes over the SRAM
// bandwidth. Matrices with the same input are installed through the same ports, so they count
// together.
#pragma once

#include <cstdint>

#include "graph/graph.h"
#include "machine/system.h"

namespace millrace::compiler {

// Cycles of a step at `position`, on `stages` groups of `group` chips.
std::int64_t LowerBound(const Graph& graph, const System& system, std::int32_t group,
                        std::int32_t stages, std::int32_t rows, std::int32_t position);

}  // namespace millrace::compiler

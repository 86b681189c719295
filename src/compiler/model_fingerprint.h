// A number that tells models apart: of the operations, and of every byte of the weights.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace millrace::compiler {

// Reads all weights once; of a shape, which has none, the operations alone count. Programs carry it
// (isa::Program::model_fingerprint) and run with no other model. It is no defence against somebody
// who wants two models to look alike.
std::uint64_t ModelFingerprint(const Graph& graph);

}  // namespace millrace::compiler

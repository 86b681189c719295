// Says whether a graph is well-formed, or why not; changes nothing.
//
// A graph that passes can be interpreted, planned and compiled without further questions: the rules
// are those that graph.h states, and these:
//
//   weights     names are unique, without blanks, commas and brackets; 1 <= rows, columns < 2^31;
//               a row is a whole number of blocks; either no weight has bytes or every one has
//               exactly those of its shape
//   values      operation 0 is the only embed; every operand comes before its use
//   shapes      each operation takes and makes the columns that graph.h states; weights of norms,
//               biases, sinks and selection biases are F32 vectors; eps, scales, caps, frequencies
//               and magnitude are finite, eps is not negative, the cap of a softcap is above 0
//   heads       kv_heads divides heads; the rotary dimensions fit into head_dim, which divides the
//               columns; parts, groups and experts divide what they part
//   routes      not more experts are chosen than the chosen groups have; those of experts are made
//   by
//               a route
//   attention   layers are numbered 0, 1, 2, ... in the order of their operations, each once
//   logits      one column for each row of the embedding
#pragma once

#include "base/result.h"
#include "graph/graph.h"

namespace millrace {

// kInvalid with "%3 = rope: what was found, what was wanted".
Result<void> Verify(const Graph& graph);

}  // namespace millrace

// The operation Route of a graph through the plain reference (numerics/reference_route.h).
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace millrace {

// The operation Route for one token: [experts], 0 for those that are not chosen. selection_bias:
// [experts], or empty.
std::vector<float> ReferenceRoute(const Route& route, std::span<const float> selection_bias,
                                  std::span<const float> logits);

}  // namespace millrace

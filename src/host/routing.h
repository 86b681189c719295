// Which experts a token has, and with what weights.
#pragma once

#include <cstddef>
#include <span>

#include "graph/graph.h"

namespace millrace {

inline constexpr std::size_t kMostExperts = 1024;

// The operation Route for one token. bias: of the selection, or null. routes: [experts], 0 for
// those that are not chosen.
void RouteToken(const Route& route, const float* bias, std::span<const float> logits,
                std::span<float> routes);

}  // namespace millrace

// The rotation frequencies of a model, with its scaling.
#pragma once

#include <span>

#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// Pair i turns by base^(-2i / dimensions) / divisors[i] radians a position. Linear scaling divides
// that by the factor. YaRN does so for the slow pairs, not for the fast ones, and mixes in between;
// it also multiplies cosine and sine by 1 + magnitude_slope
// ln(factor).
// divisors: [dimensions / 2] (the tensor rope_freqs.weight of Llama 3.1), or empty for all 1.
RopeTable BuildRopeTable(const RopeConfig& config, std::span<const float> divisors);

}  // namespace millrace

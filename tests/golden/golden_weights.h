// The weights of a golden graph: random blocks of every tensor type, made of integers and powers of
// two, so that no library function decides a bit of them.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/graph.h"

namespace millrace {

// The bytes of weight number `index` (its seed), of its shape and type; values are about 1/16,
// those of norms about 1.
std::vector<std::byte> GoldenWeight(const Weight& weight, std::size_t index);

}  // namespace millrace

// Cosines and sines of a RopeTable for a range of positions, computed once in double precision.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/graph.h"

namespace millrace {

// [positions, pairs], row-major.
struct RopeAngles {
  std::size_t pairs = 0;
  std::vector<float> cosine;
  std::vector<float> sine;
};

RopeAngles BuildRopeAngles(const RopeTable& table, std::size_t positions);

}  // namespace millrace

#include "graph/rope_angles.h"

#include <cmath>

namespace millrace {

RopeAngles BuildRopeAngles(const RopeTable& table, std::size_t positions) {
  RopeAngles angles{.pairs = table.frequencies.size(), .cosine = {}, .sine = {}};
  angles.cosine.reserve(positions * angles.pairs);
  angles.sine.reserve(positions * angles.pairs);
  for (std::size_t p = 0; p < positions; ++p) {
    for (const double frequency : table.frequencies) {
      const double angle = static_cast<double>(p) * frequency;
      angles.cosine.push_back(static_cast<float>(std::cos(angle) * table.magnitude));
      angles.sine.push_back(static_cast<float>(std::sin(angle) * table.magnitude));
    }
  }
  return angles;
}

}  // namespace millrace

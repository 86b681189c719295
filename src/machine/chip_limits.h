// What the parts of a chip must be to each other, so that an instruction can use them together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machine/system.h"

namespace millrace {

// Slices a hemisphere that hold activations and not weights: three binary32 tensors' worth of four
// slices, so that two operands are read while a result is written.
inline constexpr std::int32_t kWorkSlices = 12;

// The first rule that does not hold.
struct ChipLimit {
  std::string key;  // the number that is found wanting: "chip.streams"
  std::string found, wanted;
};
std::optional<ChipLimit> BrokenLimit(const Chip& chip, const std::vector<SystemLevel>& levels);

// Links that a chip needs for all levels.
std::int64_t LinksNeeded(const std::vector<SystemLevel>& levels);

}  // namespace millrace

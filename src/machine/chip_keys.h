// The keys of a machine file's [chip] and its sections: which member of Chip each fills, and what
// it may be.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "machine/chip.h"

namespace millrace {

struct ChipKey {
  std::string_view section;  // "chip.mem"
  std::string_view key;      // "words"
  // Exactly one of the two.
  std::int32_t& (*whole)(Chip& chip) = nullptr;
  double& (*real)(Chip& chip) = nullptr;
  double least = 0, most = 0;
  bool required = true;
};

std::span<const ChipKey> ChipKeys();

}  // namespace millrace

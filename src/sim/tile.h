// What a matrix plane computes: one activation vector times an installed tile, added to an
// accumulator in the order of docs/numerics.md, "Linear".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "isa/instruction.h"
#include "machine/chip.h"

namespace millrace::sim {

// A tile as it lies in a buffer of a plane: load.vectors vectors in the order in which they came.
struct Tile {
  isa::Load load;
  std::vector<std::byte> bytes;
};

// The bytes of the weights [columns, k], a column after the other without a gap, whatever the
// tile's order is.
std::vector<std::byte> ColumnsOf(const Chip& chip, const isa::Load& load,
                                 std::span<const std::byte> bytes);

// Adds to acc [columns of the tile] what a Pass over `columns` (of ColumnsOf) adds.
//   values: the first vector of the pass: int8, or 16-bit floats
//   scales: the second one where there are scales, [k / 32] binary32; else unused
void AddProducts(const isa::Load& load, std::span<const std::byte> columns, const std::byte* values,
                 const std::byte* scales, std::span<float> acc);

}  // namespace millrace::sim

// Weights into the types of GGUF files: the way in, where reference.h has the way out.
//
// No part of the contract (docs/numerics.md): results follow from the bits of a file, whoever chose
// them. These quantisers are plain: one pass finds the scales of a block from its extremes, one
// rounds each value to the nearest step of the scales as stored. There is no search for the scales
// of least error (quantise_closely.h has it), and no column counts more than another. On normally
// distributed weights the root mean square error of Q8_0 and Q4_0 is what llama.cpp's quantisers
// reach, that of Q4_K 10 % and that of Q6_K 6 % above.
#pragma once

#include <cstddef>
#include <span>

#include "numerics/dtype.h"

namespace millrace {

// Writes row.size() values, a multiple of BlockElements(dtype), as RowBytes(dtype, row.size())
// bytes, which is what out must have.
//
// The error of a value, where no half overflows or becomes a denormal:
//   F32 none; F16, BF16 nearest even
//   Q8_0  half a step of amax / 127, amax being the largest magnitude of its 32 values
//   Q4_0  half a step of amax / 8, and up to one whole step opposite in sign to the largest value
//   Q4_K  half a step of (max - min) / 15 of its 32 values (of max / 15 or -min / 15 if all have
//         one sign), and what the six bits of scales and minima lose: up to 1/126 of the block's
//         largest scale times 15, and of its largest minimum
//   Q6_K  half a step of amax / 32 of its 16 values, one whole step opposite in sign to amax, and
//         what the eight bits of scales lose: up to 1/254 of the block's largest scale times 32
//   others  see quantise_plain.h
//
// Values are finite: others give blocks whose scales are numbers, and that mean nothing.
void QuantiseRow(DType dtype, std::span<const float> row, std::span<std::byte> out);

}  // namespace millrace

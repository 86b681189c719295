// Plain quantisers of the types whose blocks quantise.cc does not make: one pass finds the scales
// of a block from its extremes, one rounds each value to the nearest that the stored scales give.
// Enough to write models for tests and measurements.
//
// The error of a value, where no half overflows or becomes a denormal; amax is the largest
// magnitude of its 32 values (Q3_K: of its 16), most that of the whole block of 256:
//   Q4_1, Q5_1    half a step of (max - min) / 15 or / 31
//   Q5_0          a step of amax / 16, half of it on the side of the largest value
//   IQ4_NL        14 / 127 of amax, the distance from the end of the codebook that is nearer to
//   zero MXFP4         a quarter of amax: the exponent is that of amax, and 6 the largest value
//   Q2_K, Q5_K    half a step of (max - min) / 3 of its 16 or / 31 of its 32 values (zero counts
//                 as one of them), and what the bits of scales and minima lose: half a step of
//                 most / 15 or / 63, and as much of the largest scale
//   Q3_K          a step of amax / 4, and half a step of most / 31
//   IQ4_XS        as IQ4_NL, and half a step of most / 31
#pragma once

#include <cstddef>
#include <span>

#include "numerics/dtype.h"

namespace millrace {

// As QuantiseRow, for Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q5_K, IQ4_NL, IQ4_XS and MXFP4.
void QuantiseRowPlainly(DType dtype, std::span<const float> row, std::span<std::byte> out);

}  // namespace millrace

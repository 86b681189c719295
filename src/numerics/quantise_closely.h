// Weights into Q8_0, Q5_0, Q4_0, Q4_K, Q5_K and Q6_K with the least error that a search finds: what
// `millrace quantize` writes. quantise.h has the plain forms, which are some twenty times faster.
//
// What is searched. Of the activations that a matrix will meet nothing is known here. If none is
// larger than another in the mean, its products are off by the least where the sum of the squared
// errors of the weights is least: so that is what counts, each weight as much as any other.
//
// How. Once the scales of a block are fixed, each value goes to the nearest step, and the error is
// a function of the scales alone: of one number (Q8_0, Q5_0, Q4_0), or of two for each sub-block (a
// scale and a minimum). That function has many local minima, one for each way in which the values
// fall on steps. Two moves find a good one:
//
//   fit     with the steps held, the scales of least error solve a linear system of one or two
//           unknowns; then the values go to the nearest steps again. Neither part can add to the
//           error.
//   start   from many lines: scales at which the extremes of the values lie some tenths of a step
//           inside or outside of the range of steps.
//
// The types with sub-blocks store their scales as integers in units of a half of the whole block.
// Their search is done first for each sub-block by itself, as if it had real numbers; then the
// units are chosen, and for each sub-block the integers around its real ones, by the error that
// they give as stored; then with all integers held the units are fitted in turn, over all 256
// values.
//
// The plain block is one of those that are compared, so no block is worse than that.
#pragma once

#include <cstddef>
#include <span>

#include "numerics/dtype.h"

namespace millrace {

// As QuantiseRow, and for each block of these types the sum of the squared errors is at most that
// of QuantiseRow's block, as far as binary32 can add it up. Other types are QuantiseRow's. The
// bytes depend on the values alone.
//
// A block with values that are not finite, or so large that their squares are not, is the plain
// one.
void QuantiseRowClosely(DType dtype, std::span<const float> row, std::span<std::byte> out);

}  // namespace millrace

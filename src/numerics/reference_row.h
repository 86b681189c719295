// One row of a matrix against activations: the part of reference::Linear that knows the formats.
// Each quantised one is written once, as 32 integers with their scales (reference_row.cc).
//
// The sums begin at `acc`, so that a row may be multiplied part by part, in ascending order, with
// the bits of the whole.
#pragma once

#include <cstddef>
#include <span>

#include "numerics/activation.h"
#include "numerics/dtype.h"

namespace millrace::reference {

// The sum of docs/numerics.md, "Linear", of one row. dtype: a quantised type; row: RowBytes(dtype,
// 32 * x.size()) bytes.
float QuantisedRow(DType dtype, const std::byte* row, std::span<const ActivationBlock> x,
                   float acc = 0);

// The same for a float type. x: rounded to the type of the weights already.
float FloatRow(DType dtype, const std::byte* row, std::span<const float> x, float acc = 0);

}  // namespace millrace::reference

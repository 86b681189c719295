// One row of a quantised matrix against activations: the part of reference::Linear that knows the
// formats. Each is written once, as 32 integers with their scales (reference_row.cc).
#pragma once

#include <cstddef>
#include <span>

#include "numerics/activation.h"
#include "numerics/dtype.h"

namespace millrace::reference {

// The sum of docs/numerics.md, "Linear", of one row. dtype: a quantised type; row: RowBytes(dtype,
// 32 * x.size()) bytes.
float QuantisedRow(DType dtype, const std::byte* row, std::span<const ActivationBlock> x);

}  // namespace millrace::reference

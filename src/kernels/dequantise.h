// One row of an embedding table as binary32, read from the file's own layout.
#pragma once

#include <cstddef>
#include <span>

#include "numerics/dtype.h"

namespace millrace {

// out: [columns]; row: RowBytes(dtype, columns). The same values as reference::DequantiseRow; there
// is no sum in it, so nothing depends on the level.
void DequantiseRow(DType dtype, const std::byte* row, std::span<float> out);

}  // namespace millrace

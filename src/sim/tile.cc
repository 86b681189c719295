#include "sim/tile.h"

#include <algorithm>
#include <cstring>

#include "numerics/activation.h"
#include "numerics/half.h"
#include "numerics/reference_row.h"

namespace millrace::sim {
namespace {

std::vector<ActivationBlock> BlocksOf(std::size_t k, const std::byte* values,
                                      const std::byte* scales) {
  std::vector<ActivationBlock> blocks((k + kActivationBlock - 1) / kActivationBlock);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    ActivationBlock& block = blocks[b];
    block = {};
    std::memcpy(&block.d, scales + b * sizeof(float), sizeof(float));
    std::memcpy(block.q, values + b * kActivationBlock,
                std::min<std::size_t>(kActivationBlock, k - b * kActivationBlock));
    for (int i = 0; i < kActivationBlock; ++i) block.half_sum[i / 16] += block.q[i];
    block.sum = block.half_sum[0] + block.half_sum[1];
  }
  return blocks;
}

std::vector<float> FloatsOf(DType dtype, std::size_t k, const std::byte* values) {
  std::vector<float> x(k);
  for (std::size_t i = 0; i < k; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, values + 2 * i, sizeof(bits));
    x[i] = dtype == DType::kF16 ? HalfToFloat(bits) : BFloatToFloat(bits);
  }
  return x;
}

// isa::TileOrder::kRowWords: where the 16-bit weight of row `r`, column `c` lies.
std::size_t RowWordByte(const Chip& chip, const isa::Load& load, std::size_t r, std::size_t c) {
  const auto vector_bytes = static_cast<std::size_t>(chip.vector_bytes);
  const auto width = static_cast<std::size_t>(chip.mxm.install_streams);
  const std::size_t words = (2 * std::size_t{load.columns} + vector_bytes - 1) / vector_bytes;
  const std::size_t part = 2 * c / vector_bytes;
  const std::size_t v = (r / width * words + part) * width + r % width;
  return v * vector_bytes + 2 * c % vector_bytes;
}

}  // namespace

std::vector<std::byte> ColumnsOf(const Chip& chip, const isa::Load& load,
                                 std::span<const std::byte> bytes) {
  const std::size_t row_bytes = RowBytes(load.dtype, load.k);
  std::vector<std::byte> columns(load.columns * row_bytes);
  const auto vector_bytes = static_cast<std::size_t>(chip.vector_bytes);
  switch (load.order) {
    case isa::TileOrder::kDense:
      std::copy_n(bytes.begin(), columns.size(), columns.begin());
      break;
    case isa::TileOrder::kColumnWords:
      for (std::size_t c = 0; c < load.columns; ++c) {
        std::memcpy(columns.data() + c * row_bytes, bytes.data() + c * vector_bytes, row_bytes);
      }
      break;
    case isa::TileOrder::kRowWords:
      for (std::size_t c = 0; c < load.columns; ++c) {
        for (std::size_t r = 0; r < load.k; ++r) {
          std::memcpy(columns.data() + c * row_bytes + 2 * r,
                      bytes.data() + RowWordByte(chip, load, r, c), 2);
        }
      }
      break;
  }
  return columns;
}

void AddProducts(const isa::Load& load, std::span<const std::byte> columns, const std::byte* values,
                 const std::byte* scales, std::span<float> acc) {
  const std::size_t row_bytes = RowBytes(load.dtype, load.k);
  if (IsQuantised(load.dtype)) {
    const std::vector<ActivationBlock> x = BlocksOf(load.k, values, scales);
    for (std::size_t c = 0; c < load.columns; ++c) {
      acc[c] = reference::QuantisedRow(load.dtype, columns.data() + c * row_bytes, x, acc[c]);
    }
    return;
  }
  const std::vector<float> x = FloatsOf(load.dtype, load.k, values);
  for (std::size_t c = 0; c < load.columns; ++c) {
    acc[c] = reference::FloatRow(load.dtype, columns.data() + c * row_bytes, x, acc[c]);
  }
}

}  // namespace millrace::sim

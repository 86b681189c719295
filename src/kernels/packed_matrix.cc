#include "kernels/packed_matrix.h"

#include <cstring>

#include "base/check.h"
#include "numerics/blocks.h"

namespace millrace {
namespace {

using Rows = const std::byte* const (&)[kTileRows];

constexpr std::size_t kHeadBytes = 64;              // scales of two blocks
constexpr std::size_t kByteBlock = 32 * kTileRows;  // 32 columns as bytes
constexpr std::size_t kNibbleBlock = kByteBlock / 2;

std::size_t Q4KSuperBytes() { return 64 + 8 * 32 + 8 * kNibbleBlock; }
std::size_t Q6KSuperBytes() { return 64 + 256 + 8 * (kNibbleBlock + kNibbleBlock / 2); }

template <typename Block>
const Block* At(const std::byte* row, std::size_t index) {
  return row == nullptr ? nullptr : reinterpret_cast<const Block*>(row + index * sizeof(Block));
}

void StoreHalf(std::byte* out, Half half) { std::memcpy(out, &half, sizeof(half)); }

// Puts value (0..15) of column `column` (0..31) of row `row` into a nibble block.
void PutNibble(std::byte* block, std::size_t row, int column, int value) {
  const int group = column % 16 / 4;
  std::byte& byte =
      block[static_cast<std::size_t>(group) * 64 + row * 4 + static_cast<std::size_t>(column % 4)];
  byte |= static_cast<std::byte>(column < 16 ? value : value << 4);
}

void PackQ8_0(ByteForm form, std::size_t columns, Rows rows, std::byte* out) {
  const int offset = form == ByteForm::kOffset ? 128 : 0;
  const std::size_t blocks = columns / 32;
  for (std::size_t b = 0; b < blocks; ++b) {
    std::byte* pair = out + b / 2 * (kHeadBytes + 2 * kByteBlock);
    std::byte* bytes = pair + kHeadBytes + b % 2 * kByteBlock;
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ8_0>(rows[r], b);
      if (block != nullptr) StoreHalf(pair + b % 2 * 32 + r * 2, block->d);
      for (std::size_t k = 0; k < 32; ++k) {
        const int value = block == nullptr ? 0 : block->q[k];
        bytes[k / 4 * 64 + r * 4 + k % 4] = static_cast<std::byte>(value + offset);
      }
    }
  }
}

void PackQ4_0(std::size_t columns, Rows rows, std::byte* out) {
  const std::size_t blocks = columns / 32;
  for (std::size_t b = 0; b < blocks; ++b) {
    std::byte* pair = out + b / 2 * (kHeadBytes + 2 * kNibbleBlock);
    std::byte* nibbles = pair + kHeadBytes + b % 2 * kNibbleBlock;
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ4_0>(rows[r], b);
      if (block == nullptr) continue;
      StoreHalf(pair + b % 2 * 32 + r * 2, block->d);
      for (int k = 0; k < 32; ++k) PutNibble(nibbles, r, k, ValueQ4_0(*block, k) + 8);
    }
  }
}

void PackQ4_K(std::size_t columns, Rows rows, std::byte* out) {
  for (std::size_t b = 0; b < columns / 256; ++b, out += Q4KSuperBytes()) {
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ4_K>(rows[r], b);
      if (block == nullptr) continue;
      StoreHalf(out + r * 2, block->d);
      StoreHalf(out + 32 + r * 2, block->dmin);
      for (int s = 0; s < 8; ++s) {
        const ScaleMin scale_min = ScaleMinQ4_K(*block, s);
        std::byte* scales = out + 64 + s * 32;
        scales[r] = static_cast<std::byte>(scale_min.scale);
        scales[16 + r] = static_cast<std::byte>(scale_min.min);
        std::byte* nibbles = out + 64 + 8 * 32 + static_cast<std::size_t>(s) * kNibbleBlock;
        for (int k = 0; k < 32; ++k) PutNibble(nibbles, r, k, ValueQ4_K(*block, s * 32 + k));
      }
    }
  }
}

void PackQ6_K(std::size_t columns, Rows rows, std::byte* out) {
  for (std::size_t b = 0; b < columns / 256; ++b, out += Q6KSuperBytes()) {
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ6_K>(rows[r], b);
      if (block == nullptr) continue;
      StoreHalf(out + r * 2, block->d);
      for (std::size_t s = 0; s < 16; ++s) {
        out[64 + s * 16 + r] = static_cast<std::byte>(block->scales[s]);
      }
      for (int s = 0; s < 8; ++s) {
        std::byte* low =
            out + 64 + 256 + static_cast<std::size_t>(s) * (kNibbleBlock + kNibbleBlock / 2);
        std::byte* high = low + kNibbleBlock;
        for (int k = 0; k < 32; ++k) {
          const int value = ValueQ6_K(*block, s * 32 + k) + 32;
          PutNibble(low, r, k, value & 15);
          const auto group = static_cast<std::size_t>(k % 8 / 4);
          high[group * 64 + r * 4 + static_cast<std::size_t>(k % 4)] |=
              static_cast<std::byte>(value >> 4 << (2 * (k / 8)));
        }
      }
    }
  }
}

template <typename Element>
void PackFloat(std::size_t columns, Rows rows, std::byte* out) {
  for (std::size_t r = 0; r < kTileRows; ++r) {
    if (rows[r] == nullptr) continue;
    for (std::size_t k = 0; k < columns; ++k) {
      std::memcpy(out + (k * kTileRows + r) * sizeof(Element), rows[r] + k * sizeof(Element),
                  sizeof(Element));
    }
  }
}

}  // namespace

std::size_t PackedTileBytes(DType dtype, std::size_t columns) {
  const std::size_t blocks = columns / 32;
  switch (dtype) {
    case DType::kQ8_0:
      return (blocks + 1) / 2 * kHeadBytes + blocks * kByteBlock;
    case DType::kQ4_0:
      return (blocks + 1) / 2 * kHeadBytes + blocks * kNibbleBlock;
    case DType::kQ4_K:
      return columns / 256 * Q4KSuperBytes();
    case DType::kQ6_K:
      return columns / 256 * Q6KSuperBytes();
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return (columns * kTileRows * BlockBytes(dtype) + 63) / 64 * 64;
  }
  MILLRACE_CHECK(false);
  return 0;
}

std::size_t PackedMatrix::tile_bytes() const { return PackedTileBytes(dtype, columns); }

void PackTile(DType dtype, ByteForm form, std::size_t columns, Rows rows, std::byte* out) {
  std::memset(out, 0, PackedTileBytes(dtype, columns));
  switch (dtype) {
    case DType::kQ8_0:
      return PackQ8_0(form, columns, rows, out);
    case DType::kQ4_0:
      return PackQ4_0(columns, rows, out);
    case DType::kQ4_K:
      return PackQ4_K(columns, rows, out);
    case DType::kQ6_K:
      return PackQ6_K(columns, rows, out);
    case DType::kF32:
      return PackFloat<float>(columns, rows, out);
    case DType::kF16:
    case DType::kBF16:
      return PackFloat<Half>(columns, rows, out);
  }
  MILLRACE_CHECK(false);
}

}  // namespace millrace

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

// Four neighbouring columns of one row are four bytes in the file and in a tile, so packing moves
// words.
std::uint32_t LoadWord(const void* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// Word `group` of row `row` of a block of [groups][16 rows][4].
void StoreWord(std::byte* block, std::size_t group, std::size_t row, std::uint32_t word) {
  std::memcpy(block + group * 64 + row * 4, &word, sizeof(word));
}

constexpr std::uint32_t kLowNibbles = 0x0f0f0f0f;

void PackQ8_0(ByteForm form, std::size_t columns, Rows rows, std::byte* out) {
  const std::uint32_t offset =
      form == ByteForm::kOffset ? 0x80808080u : 0;  // v + 128 is v with its sign bit flipped
  const std::size_t blocks = columns / 32;
  for (std::size_t b = 0; b < blocks; ++b) {
    std::byte* pair = out + b / 2 * (kHeadBytes + 2 * kByteBlock);
    std::byte* bytes = pair + kHeadBytes + b % 2 * kByteBlock;
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ8_0>(rows[r], b);
      if (block != nullptr) StoreHalf(pair + b % 2 * 32 + r * 2, block->d);
      for (std::size_t g = 0; g < 8; ++g) {
        const std::uint32_t word = block == nullptr ? 0 : LoadWord(block->q + 4 * g);
        StoreWord(bytes, g, r, word ^ offset);
      }
    }
  }
}

// The file pairs column i with i + 16 in one byte, and so does a tile.
void PackQ4_0(std::size_t columns, Rows rows, std::byte* out) {
  const std::size_t blocks = columns / 32;
  for (std::size_t b = 0; b < blocks; ++b) {
    std::byte* pair = out + b / 2 * (kHeadBytes + 2 * kNibbleBlock);
    std::byte* nibbles = pair + kHeadBytes + b % 2 * kNibbleBlock;
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ4_0>(rows[r], b);
      if (block == nullptr) continue;
      StoreHalf(pair + b % 2 * 32 + r * 2, block->d);
      for (std::size_t g = 0; g < 4; ++g) StoreWord(nibbles, g, r, LoadWord(block->q + 4 * g));
    }
  }
}

// Four nibbles of each of two words: the low or the high ones.
std::uint32_t PairNibbles(std::uint32_t first, std::uint32_t second, bool high) {
  return high ? (first >> 4 & kLowNibbles) | (second & ~kLowNibbles)
              : (first & kLowNibbles) | (second & kLowNibbles) << 4;
}

void PackQ4_K(std::size_t columns, Rows rows, std::byte* out) {
  for (std::size_t b = 0; b < columns / 256; ++b, out += Q4KSuperBytes()) {
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ4_K>(rows[r], b);
      if (block == nullptr) continue;
      StoreHalf(out + r * 2, block->d);
      StoreHalf(out + 32 + r * 2, block->dmin);
      for (std::size_t s = 0; s < 8; ++s) {
        const ScaleMin scale_min = ScaleMinQ4_K(*block, static_cast<int>(s));
        std::byte* scales = out + 64 + s * 32;
        scales[r] = static_cast<std::byte>(scale_min.scale);
        scales[16 + r] = static_cast<std::byte>(scale_min.min);
        std::byte* nibbles = out + 64 + 8 * 32 + s * kNibbleBlock;
        const std::uint8_t* q = block->q + s / 2 * 32;
        for (std::size_t g = 0; g < 4; ++g) {
          StoreWord(nibbles, g, r,
                    PairNibbles(LoadWord(q + 4 * g), LoadWord(q + 4 * g + 16), s % 2 == 1));
        }
      }
    }
  }
}

void PackQ6_K(std::size_t columns, Rows rows, std::byte* out) {
  constexpr std::uint32_t kTwoBits = 0x03030303;
  for (std::size_t b = 0; b < columns / 256; ++b, out += Q6KSuperBytes()) {
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const auto* block = At<BlockQ6_K>(rows[r], b);
      if (block == nullptr) continue;
      StoreHalf(out + r * 2, block->d);
      for (std::size_t s = 0; s < 16; ++s)
        out[64 + s * 16 + r] = static_cast<std::byte>(block->scales[s]);
      for (std::size_t s = 0; s < 8;
           ++s) {  // sub-block of 32: see ValueQ6_K for where its bits are
        std::byte* low = out + 64 + 256 + s * (kNibbleBlock + kNibbleBlock / 2);
        const std::uint8_t* nibbles = block->low + s / 4 * 64 + s % 2 * 32;
        for (std::size_t g = 0; g < 4; ++g) {
          StoreWord(
              low, g, r,
              PairNibbles(LoadWord(nibbles + 4 * g), LoadWord(nibbles + 4 * g + 16), s % 4 >= 2));
        }
        const std::uint8_t* tops = block->high + s / 4 * 32;
        for (std::size_t g = 0; g < 2; ++g) {
          std::uint32_t word = 0;
          for (std::size_t n = 0; n < 4; ++n) {
            word |= (LoadWord(tops + 4 * g + 8 * n) >> (2 * (s % 4)) & kTwoBits) << (2 * n);
          }
          StoreWord(low + kNibbleBlock, g, r, word);
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

// Weights as the kernels read them: sixteen rows interleaved, one contiguous stream a tile.
//
// A tile holds 16 rows, so that lane i of a SIMD register belongs to row i and the sum over the
// columns stays inside the lane, in the order of the contract. A matrix is its tiles, one after the
// other; rows past the end are zero. Everything below starts on 64 bytes, so that no 64-byte load
// crosses a cache line.
//
// A tile of a quantised type is a row of groups: a head with the scales of one or more blocks of 32
// columns, then those blocks (TileLayout; a last group may have fewer of them). In a block a byte
// group [16 rows][4] is one 64-byte register.
//
//   blocks of 32 columns
//     bytes       [8] byte groups: group j holds columns 4j ..
//     nibbles     [4]: group i holds columns 4i .. low and 4i + 16 .. high
//     two bits    [2]: group i holds two bits each for columns 4i + 8n ..
//     one bit     [1]: one bit each for columns 4n ..
//     Q8_0 bytes; Q4_0 Q4_1 Q4_K IQ4_NL IQ4_XS MXFP4 nibbles; Q5_0 Q5_1 Q5_K nibbles, one bit;
//     Q6_K nibbles, two bits; Q2_K two bits; Q3_K two bits, one bit
//   heads, halves being binary16 [16 rows]
//     Q8_0 Q4_0 Q5_0 IQ4_NL   d of two blocks
//     Q4_1 Q5_1               d, m of a block
//     MXFP4                   e of four blocks, bytes
//     Q4_K Q5_K               d, dmin; [8]{scale, min} bytes
//     Q6_K                    d, 32 bytes unused; [16] scales int8
//     IQ4_XS                  d, 32 bytes unused; [8] scales int8
//     Q2_K                    d, dmin; [16] scale low, min high in a byte
//     Q3_K                    d, 32 bytes unused; high two bits of all scales [16 rows] uint32, of
//                             scale s bits 2s, 2s + 1; [8] low four of scales 2s low, 2s + 1 high
//   F32, F16, BF16 have neither: [columns][16 rows]
//
// Q8_0 bytes are the signed value, or value + 128 where the level multiplies unsigned by signed
// (ByteForm::kOffset).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "numerics/dtype.h"

namespace millrace {

inline constexpr std::size_t kTileRows = 16;

enum class ByteForm { kSigned, kOffset };

struct TileLayout {
  std::size_t blocks = 0;  // of 32 columns, in a group
  std::size_t head_bytes = 0;
  std::size_t block_bytes = 0;

  constexpr std::size_t group_bytes() const { return head_bytes + blocks * block_bytes; }
  constexpr std::size_t tile_bytes(std::size_t columns) const {
    return (columns / 32 + blocks - 1) / blocks * head_bytes + columns / 32 * block_bytes;
  }
};

// Of a quantised type.
constexpr TileLayout LayoutOf(DType dtype) {
  constexpr std::size_t kBytes = 512, kNibbles = 256, kTwoBits = 128, kOneBit = 64;
  switch (dtype) {
    case DType::kQ8_0:
      return {2, 64, kBytes};
    case DType::kQ4_0:
    case DType::kIQ4_NL:
      return {2, 64, kNibbles};
    case DType::kQ4_1:
      return {1, 64, kNibbles};
    case DType::kMXFP4:
      return {4, 64, kNibbles};
    case DType::kQ5_0:
      return {2, 64, kNibbles + kOneBit};
    case DType::kQ5_1:
      return {1, 64, kNibbles + kOneBit};
    case DType::kQ2_K:
      return {8, 64 + 256, kTwoBits};
    case DType::kQ3_K:
      return {8, 64 + 64 + 128, kTwoBits + kOneBit};
    case DType::kQ4_K:
      return {8, 64 + 256, kNibbles};
    case DType::kQ5_K:
      return {8, 64 + 256, kNibbles + kOneBit};
    case DType::kQ6_K:
      return {8, 64 + 256, kNibbles + kTwoBits};
    case DType::kIQ4_XS:
      return {8, 64 + 128, kNibbles};
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      break;
  }
  MILLRACE_CHECK(false);
  return {};
}

// A view; whoever allocated `data` (64-byte aligned) keeps it alive.
struct PackedMatrix {
  DType dtype = DType::kF32;
  std::size_t rows = 0;  // a multiple of kTileRows is stored
  std::size_t columns = 0;
  const std::byte* data = nullptr;
  bool prefetch = false;  // whether a decode step asks for weights ahead of their use

  std::size_t tiles() const { return (rows + kTileRows - 1) / kTileRows; }
  std::size_t tile_bytes() const;
  std::size_t bytes() const { return tiles() * tile_bytes(); }
  const std::byte* tile(std::size_t index) const { return data + index * tile_bytes(); }
};

std::size_t PackedTileBytes(DType dtype, std::size_t columns);

// Packs rows [0, count) of a tile. rows[i] points at a row as the file holds it, or is null for a
// row of zeros. out: PackedTileBytes(dtype, columns) bytes.
void PackTile(DType dtype, ByteForm form, std::size_t columns,
              const std::byte* const (&rows)[kTileRows], std::byte* out);

}  // namespace millrace

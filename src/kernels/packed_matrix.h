// Weights as the kernels read them: sixteen rows interleaved, one contiguous stream a tile.
//
// A tile holds 16 rows, so that lane i of a SIMD register belongs to row i and the sum over the
// columns stays inside the lane, in the order of the contract. A matrix is its tiles, one after the
// other; rows past the end are zero. Everything below starts on 64 bytes, so that no 64-byte load
// crosses a cache line.
//
//   Q8_0   two blocks of 32 columns: scales [2][16] binary16, then 2 x bytes [8][16 rows][4
//   columns]
//          (an odd last block stands alone, with its second scales unused)
//   Q4_0   the same with nibbles [4][16 rows][4]: byte group i holds columns 4i.. low and 4i + 16..
//   high Q4_K   256 columns: d [16], dmin [16] binary16; [8]{scale [16], min [16]} bytes; [8]
//   nibbles [4][16][4] Q6_K   256 columns: d [16] binary16, 32 bytes unused; scales [16][16] int8;
//          [8]{ low nibbles [4][16][4] as above; high [2][16][4]: byte group i holds two bits each
//          for columns 4i + 8n.. }
//   F32, F16, BF16   [columns][16 rows]
//
// Q8_0 bytes are the signed value, or value + 128 where the level multiplies unsigned by signed
// (ByteForm::kOffset).
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/dtype.h"

namespace millrace {

inline constexpr std::size_t kTileRows = 16;

enum class ByteForm { kSigned, kOffset };

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

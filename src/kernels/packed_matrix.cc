#include "kernels/packed_matrix.h"

#include <cstring>

#include "base/check.h"
#include "numerics/blocks.h"

namespace millrace {
namespace {

using Rows = const std::byte* const (&)[kTileRows];

constexpr std::size_t kByteGroup = 4 * kTileRows;  // four columns as bytes
constexpr std::uint32_t kLowNibbles = 0x0f0f0f0f, kLowPairs = 0x03030303, kLowBits = 0x01010101;

// Where the block of a row goes: the head of its group, the number of the block in the group, and
// the block of the tile itself (the first of eight for blocks of 256).
struct Place {
  std::byte* head;
  std::size_t number;
  std::byte* block;
  std::size_t row;
};

// Calls kPack(block, place) for every block of every row that is there.
template <typename Block, void (*kPack)(const Block&, const Place&)>
void PackBlocks(DType dtype, std::size_t columns, Rows rows, std::byte* out) {
  const TileLayout layout = LayoutOf(dtype);
  const std::size_t step = BlockElements(dtype) / 32;
  for (std::size_t b = 0; b < columns / 32; b += step) {
    std::byte* head = out + b / layout.blocks * layout.group_bytes();
    const std::size_t number = b % layout.blocks;
    std::byte* block = head + layout.head_bytes + number * layout.block_bytes;
    for (std::size_t r = 0; r < kTileRows; ++r) {
      if (rows[r] == nullptr) continue;
      const std::byte* from = rows[r] + b / step * sizeof(Block);
      kPack(*reinterpret_cast<const Block*>(from), Place{head, number, block, r});
    }
  }
}

// Half `index` of a head of halves.
void StoreHalf(const Place& place, std::size_t index, Half half) {
  std::memcpy(place.head + index * 32 + place.row * 2, &half, sizeof(half));
}

// Byte [index][row] of what follows the first 64 bytes of a head.
void StoreScale(const Place& place, std::size_t index, int scale) {
  place.head[64 + index * kTileRows + place.row] = static_cast<std::byte>(scale);
}

// Four neighbouring columns of one row are four bytes in the file and in a tile, so packing moves
// words.
std::uint32_t LoadWord(const void* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

void StoreWord(std::byte* groups, std::size_t group, std::size_t row, std::uint32_t word) {
  std::memcpy(groups + group * kByteGroup + row * 4, &word, sizeof(word));
}

// 16 bytes whose nibbles are columns i and i + 16, as a tile has them.
void PackNibbles(const std::uint8_t* q, std::byte* block, std::size_t row) {
  for (std::size_t g = 0; g < 4; ++g) StoreWord(block, g, row, LoadWord(q + 4 * g));
}

// The low or the high nibbles of 32 bytes, one a column.
void PackHalfNibbles(const std::uint8_t* q, bool high, std::byte* block, std::size_t row) {
  for (std::size_t g = 0; g < 4; ++g) {
    const std::uint32_t first = LoadWord(q + 4 * g), second = LoadWord(q + 4 * g + 16);
    const std::uint32_t word = high ? (first >> 4 & kLowNibbles) | (second & ~kLowNibbles)
                                    : (first & kLowNibbles) | (second & kLowNibbles) << 4;
    StoreWord(block, g, row, word);
  }
}

// Bits shift, shift + 1 of 32 bytes, one a column.
void PackTwoBits(const std::uint8_t* q, std::size_t shift, std::byte* groups, std::size_t row) {
  for (std::size_t g = 0; g < 2; ++g) {
    std::uint32_t word = 0;
    for (std::size_t n = 0; n < 4; ++n) {
      word |= (LoadWord(q + 4 * g + 8 * n) >> shift & kLowPairs) << (2 * n);
    }
    StoreWord(groups, g, row, word);
  }
}

// Bit shift of 32 bytes, one a column.
void PackOneBit(const std::uint8_t* q, std::size_t shift, std::byte* group, std::size_t row) {
  std::uint32_t word = 0;
  for (std::size_t n = 0; n < 8; ++n) word |= (LoadWord(q + 4 * n) >> shift & kLowBits) << n;
  StoreWord(group, 0, row, word);
}

// The 32 bits of four bytes, one a column. The product puts bit c of a nibble at bit 0 of byte c.
void PackBitString(const std::uint8_t* bits, std::byte* group, std::size_t row) {
  const std::uint32_t all = LoadWord(bits);
  std::uint32_t word = 0;
  for (std::size_t n = 0; n < 8; ++n) word |= ((all >> 4 * n & 15) * 0x00204081 & kLowBits) << n;
  StoreWord(group, 0, row, word);
}

template <ByteForm kForm>
void PackQ8_0(const BlockQ8_0& from, const Place& to) {
  constexpr std::uint32_t offset =
      kForm == ByteForm::kOffset ? 0x80808080u : 0;  // v + 128 is v with its sign bit flipped
  StoreHalf(to, to.number, from.d);
  for (std::size_t g = 0; g < 8; ++g)
    StoreWord(to.block, g, to.row, LoadWord(from.q + 4 * g) ^ offset);
}

template <typename Block>  // Q4_0, IQ4_NL
void PackNibbleBlock(const Block& from, const Place& to) {
  StoreHalf(to, to.number, from.d);
  PackNibbles(from.q, to.block, to.row);
}

void PackQ4_1(const BlockQ4_1& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  StoreHalf(to, 1, from.m);
  PackNibbles(from.q, to.block, to.row);
}

void PackQ5_0(const BlockQ5_0& from, const Place& to) {
  StoreHalf(to, to.number, from.d);
  PackNibbles(from.q, to.block, to.row);
  PackBitString(from.high, to.block + 256, to.row);
}

void PackQ5_1(const BlockQ5_1& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  StoreHalf(to, 1, from.m);
  PackNibbles(from.q, to.block, to.row);
  PackBitString(from.high, to.block + 256, to.row);
}

void PackMXFP4(const BlockMXFP4& from, const Place& to) {
  to.head[to.number * kTileRows + to.row] = static_cast<std::byte>(from.e);
  PackNibbles(from.q, to.block, to.row);
}

template <typename Block>  // Q4_K, Q5_K
void PackScalesMinima(const Block& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  StoreHalf(to, 1, from.dmin);
  for (std::size_t s = 0; s < 8; ++s) {
    const ScaleMin scale_min = SixBitScaleMin(from.scales, static_cast<int>(s));
    StoreScale(to, 2 * s, scale_min.scale);
    StoreScale(to, 2 * s + 1, scale_min.min);
  }
}

void PackQ4_K(const BlockQ4_K& from, const Place& to) {
  PackScalesMinima(from, to);
  for (std::size_t s = 0; s < 8; ++s)
    PackHalfNibbles(from.q + s / 2 * 32, s % 2 == 1, to.block + s * 256, to.row);
}

void PackQ5_K(const BlockQ5_K& from, const Place& to) {
  PackScalesMinima(from, to);
  for (std::size_t s = 0; s < 8; ++s) {
    std::byte* block = to.block + s * 320;
    PackHalfNibbles(from.q + s / 2 * 32, s % 2 == 1, block, to.row);
    PackOneBit(from.high, s, block + 256, to.row);
  }
}

void PackQ6_K(const BlockQ6_K& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  for (std::size_t s = 0; s < 16; ++s) StoreScale(to, s, from.scales[s]);
  for (std::size_t s = 0; s < 8; ++s) {  // see ValueQ6_K for where the bits are
    std::byte* block = to.block + s * 384;
    PackHalfNibbles(from.low + s / 4 * 64 + s % 2 * 32, s % 4 >= 2, block, to.row);
    PackTwoBits(from.high + s / 4 * 32, 2 * (s % 4), block + 256, to.row);
  }
}

void PackIQ4_XS(const BlockIQ4_XS& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  for (std::size_t s = 0; s < 8; ++s) {
    StoreScale(to, s, ScaleIQ4_XS(from, static_cast<int>(s)));
    PackNibbles(from.q + s * 16, to.block + s * 256, to.row);
  }
}

void PackQ2_K(const BlockQ2_K& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  StoreHalf(to, 1, from.dmin);
  for (std::size_t s = 0; s < 16; ++s) StoreScale(to, s, from.scales[s]);
  for (std::size_t s = 0; s < 8; ++s)
    PackTwoBits(from.q + s / 4 * 32, 2 * (s % 4), to.block + s * 128, to.row);
}

void PackQ3_K(const BlockQ3_K& from, const Place& to) {
  StoreHalf(to, 0, from.d);
  std::uint32_t tops = 0;
  for (std::size_t s = 0; s < 8; ++s) {
    const auto first = static_cast<std::uint32_t>(ScaleQ3_K(from, static_cast<int>(2 * s)) + 32),
               second =
                   static_cast<std::uint32_t>(ScaleQ3_K(from, static_cast<int>(2 * s + 1)) + 32);
    StoreScale(to, 4 + s, static_cast<int>((first & 15) | (second & 15) << 4));
    tops |= (first >> 4 | second >> 4 << 2) << (4 * s);
    std::byte* block = to.block + s * 192;
    PackTwoBits(from.q + s / 4 * 32, 2 * (s % 4), block, to.row);
    PackOneBit(from.high, s, block + 128, to.row);
  }
  StoreWord(to.head + 64, 0, to.row, tops);
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
  if (IsQuantised(dtype)) return LayoutOf(dtype).tile_bytes(columns);
  return (columns * kTileRows * BlockBytes(dtype) + 63) / 64 * 64;
}

std::size_t PackedMatrix::tile_bytes() const { return PackedTileBytes(dtype, columns); }

void PackTile(DType dtype, ByteForm form, std::size_t columns, Rows rows, std::byte* out) {
  std::memset(out, 0, PackedTileBytes(dtype, columns));
  switch (dtype) {
    case DType::kQ8_0:
      return form == ByteForm::kSigned
                 ? PackBlocks<BlockQ8_0, PackQ8_0<ByteForm::kSigned>>(dtype, columns, rows, out)
                 : PackBlocks<BlockQ8_0, PackQ8_0<ByteForm::kOffset>>(dtype, columns, rows, out);
    case DType::kQ4_0:
      return PackBlocks<BlockQ4_0, PackNibbleBlock<BlockQ4_0>>(dtype, columns, rows, out);
    case DType::kIQ4_NL:
      return PackBlocks<BlockIQ4_NL, PackNibbleBlock<BlockIQ4_NL>>(dtype, columns, rows, out);
    case DType::kQ4_1:
      return PackBlocks<BlockQ4_1, PackQ4_1>(dtype, columns, rows, out);
    case DType::kQ5_0:
      return PackBlocks<BlockQ5_0, PackQ5_0>(dtype, columns, rows, out);
    case DType::kQ5_1:
      return PackBlocks<BlockQ5_1, PackQ5_1>(dtype, columns, rows, out);
    case DType::kMXFP4:
      return PackBlocks<BlockMXFP4, PackMXFP4>(dtype, columns, rows, out);
    case DType::kQ2_K:
      return PackBlocks<BlockQ2_K, PackQ2_K>(dtype, columns, rows, out);
    case DType::kQ3_K:
      return PackBlocks<BlockQ3_K, PackQ3_K>(dtype, columns, rows, out);
    case DType::kQ4_K:
      return PackBlocks<BlockQ4_K, PackQ4_K>(dtype, columns, rows, out);
    case DType::kQ5_K:
      return PackBlocks<BlockQ5_K, PackQ5_K>(dtype, columns, rows, out);
    case DType::kQ6_K:
      return PackBlocks<BlockQ6_K, PackQ6_K>(dtype, columns, rows, out);
    case DType::kIQ4_XS:
      return PackBlocks<BlockIQ4_XS, PackIQ4_XS>(dtype, columns, rows, out);
    case DType::kF32:
      return PackFloat<float>(columns, rows, out);
    case DType::kF16:
    case DType::kBF16:
      return PackFloat<Half>(columns, rows, out);
  }
  MILLRACE_CHECK(false);
}

}  // namespace millrace

// The block formats of quantised weights, byte for byte as GGUF files hold them (little-endian).
//
// w below is the real value of element i of a block. d, dmin are binary16.
// The layouts are those of ggml's quantisation types (ggml-common.h); docs/numerics.md describes
// each with its contract.
#pragma once

#include <cstdint>

#include "numerics/half.h"

namespace millrace {

struct BlockQ8_0 {  // w = d * q[i]
  Half d;
  std::int8_t q[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

struct BlockQ4_0 {  // w = d * (nibble - 8); q[i] holds element i in its low and element i + 16 in
                    // its high nibble
  Half d;
  std::uint8_t q[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

struct BlockQ4_K {  // 8 sub-blocks of 32: w = d * scale[s] * nibble - dmin * min[s]
  Half d;
  Half dmin;
  std::uint8_t scales[12];  // 8 six-bit scales and 8 six-bit minima, see ScaleMinQ4_K
  std::uint8_t q[128];      // sub-blocks 2j and 2j+1: low and high nibbles of q[32j .. 32j+31]
};
static_assert(sizeof(BlockQ4_K) == 144);

struct BlockQ6_K {        // 16 sub-blocks of 16: w = d * scale[s] * (six bits - 32)
  std::uint8_t low[128];  // low four bits, see ValueQ6_K
  std::uint8_t high[64];  // high two bits
  std::int8_t scales[16];
  Half d;
};
static_assert(sizeof(BlockQ6_K) == 210);

struct ScaleMin {
  std::uint8_t scale;
  std::uint8_t min;
};

// The six-bit scale and minimum of sub-block s: the first four lie plain in bytes s and s + 4; the
// last four have their low nibbles in bytes 8..11 and their two high bits on top of the first eight
// bytes.
constexpr ScaleMin ScaleMinQ4_K(const BlockQ4_K& block, int s) {
  const std::uint8_t* b = block.scales;
  if (s < 4)
    return {static_cast<std::uint8_t>(b[s] & 63), static_cast<std::uint8_t>(b[s + 4] & 63)};
  return {static_cast<std::uint8_t>((b[s + 4] & 15) | (b[s - 4] >> 6 << 4)),
          static_cast<std::uint8_t>((b[s + 4] >> 4) | (b[s] >> 6 << 4))};
}

// The nibble of element i (0..255), 0..15.
constexpr int ValueQ4_K(const BlockQ4_K& block, int i) {
  const std::uint8_t byte = block.q[i / 64 * 32 + i % 32];
  return i % 64 < 32 ? byte & 15 : byte >> 4;
}

constexpr int ValueQ4_0(const BlockQ4_0& block, int i) {
  return (i < 16 ? block.q[i] & 15 : block.q[i - 16] >> 4) - 8;
}

// The value of element i (0..255), -32..31. Each half of 128 has four groups of 32: groups 0 and 1
// in the low nibbles of its first and second 32 bytes, groups 2 and 3 in the high nibbles; byte l
// of its 32 high bytes has two bits for each group.
constexpr int ValueQ6_K(const BlockQ6_K& block, int i) {
  const int half = i / 128, group = i % 128 / 32, l = i % 32;
  const std::uint8_t low = block.low[half * 64 + group % 2 * 32 + l];
  const int nibble = group < 2 ? low & 15 : low >> 4;
  const int top = block.high[half * 32 + l] >> (2 * group) & 3;
  return (nibble | top << 4) - 32;
}

}  // namespace millrace

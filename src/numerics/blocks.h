// The block formats of quantised weights, byte for byte as GGUF files hold them (little-endian).
//
// w below is the real value of element i of a block. d, m, dmin are binary16. Where a byte holds
// two nibbles of a block of 32, element i is the low and element i + 16 the high one. The layouts
// are those of ggml's quantisation types (ggml-common.h); docs/numerics.md describes each with its
// contract.
#pragma once

#include <bit>
#include <cstdint>

#include "numerics/half.h"

namespace millrace {

struct BlockQ8_0 {  // w = d * q[i]
  Half d;
  std::int8_t q[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

struct BlockQ4_0 {  // w = d * (nibble - 8)
  Half d;
  std::uint8_t q[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

struct BlockQ4_1 {  // w = d * nibble + m
  Half d;
  Half m;
  std::uint8_t q[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

struct BlockQ5_0 {  // w = d * (five bits - 16)
  Half d;
  std::uint8_t high[4];  // the fifth bit of element i is bit i of these 32, little-endian
  std::uint8_t q[16];    // the low four
};
static_assert(sizeof(BlockQ5_0) == 22);

struct BlockQ5_1 {  // w = d * five bits + m; bits as in Q5_0
  Half d;
  Half m;
  std::uint8_t high[4];
  std::uint8_t q[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

struct BlockIQ4_NL {  // w = d * kCodebookIQ4[nibble]
  Half d;
  std::uint8_t q[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

struct BlockMXFP4 {  // w = 2^(e - 128) * kCodebookMXFP4[nibble]; see ScaleMXFP4
  std::uint8_t e;
  std::uint8_t q[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

struct BlockQ2_K {          // 16 sub-blocks of 16: w = d * scale[s] * two bits - dmin * min[s]
  std::uint8_t scales[16];  // scale in the low, minimum in the high nibble
  std::uint8_t q[64];       // see ValueQ2_K
  Half d;
  Half dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

struct BlockQ3_K {          // 16 sub-blocks of 16: w = d * scale[s] * (three bits - 4)
  std::uint8_t high[32];    // the third bit: bit i / 32 of byte i % 32
  std::uint8_t q[64];       // the low two, as in Q2_K
  std::uint8_t scales[12];  // 16 six-bit scales, see ScaleQ3_K
  Half d;
};
static_assert(sizeof(BlockQ3_K) == 110);

struct BlockQ4_K {  // 8 sub-blocks of 32: w = d * scale[s] * nibble - dmin * min[s]
  Half d;
  Half dmin;
  std::uint8_t scales[12];  // 8 six-bit scales and 8 six-bit minima, see ScaleMinQ4_K
  std::uint8_t q[128];      // sub-blocks 2j and 2j+1: low and high nibbles of q[32j .. 32j+31]
};
static_assert(sizeof(BlockQ4_K) == 144);

struct BlockQ5_K {  // 8 sub-blocks of 32: w = d * scale[s] * five bits - dmin * min[s]
  Half d;
  Half dmin;
  std::uint8_t scales[12];  // as in Q4_K
  std::uint8_t high[32];    // the fifth bit: bit s of byte i % 32
  std::uint8_t q[128];      // the low four, as in Q4_K
};
static_assert(sizeof(BlockQ5_K) == 176);

struct BlockQ6_K {        // 16 sub-blocks of 16: w = d * scale[s] * (six bits - 32)
  std::uint8_t low[128];  // low four bits, see ValueQ6_K
  std::uint8_t high[64];  // high two bits
  std::int8_t scales[16];
  Half d;
};
static_assert(sizeof(BlockQ6_K) == 210);

struct BlockIQ4_XS {  // 8 sub-blocks of 32: w = d * scale[s] * kCodebookIQ4[nibble]
  Half d;
  std::uint16_t scales_high;   // bits 2s, 2s + 1: the high two bits of scale s
  std::uint8_t scales_low[4];  // nibble s: the low four, see ScaleIQ4_XS
  std::uint8_t q[128];         // sub-block s in bytes 16s .. 16s + 15
};
static_assert(sizeof(BlockIQ4_XS) == 136);

// The values that a nibble stands for. Those of IQ4 are denser near zero, where weights are.
inline constexpr std::int8_t kCodebookIQ4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                 1,    13,   25,  38,  53,  69,  89,  113};
// E2M1 of the OCP Microscaling specification (sign, two bits of exponent, one of mantissa), doubled
// so that they are integers: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and the same below zero.
inline constexpr std::int8_t kCodebookMXFP4[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                   0, -1, -2, -3, -4, -6, -8, -12};

struct ScaleMin {
  std::uint8_t scale;
  std::uint8_t min;
};

// The six-bit scale and minimum of sub-block s of Q4_K and Q5_K: the first four lie plain in bytes
// s and s + 4; the last four have their low nibbles in bytes 8..11 and their two high bits on top
// of the first eight bytes.
constexpr ScaleMin SixBitScaleMin(const std::uint8_t (&b)[12], int s) {
  if (s < 4)
    return {static_cast<std::uint8_t>(b[s] & 63), static_cast<std::uint8_t>(b[s + 4] & 63)};
  return {static_cast<std::uint8_t>((b[s + 4] & 15) | (b[s - 4] >> 6 << 4)),
          static_cast<std::uint8_t>((b[s + 4] >> 4) | (b[s] >> 6 << 4))};
}

constexpr ScaleMin ScaleMinQ4_K(const BlockQ4_K& block, int s) {
  return SixBitScaleMin(block.scales, s);
}
constexpr ScaleMin ScaleMinQ5_K(const BlockQ5_K& block, int s) {
  return SixBitScaleMin(block.scales, s);
}

constexpr ScaleMin ScaleMinQ2_K(const BlockQ2_K& block, int s) {
  return {static_cast<std::uint8_t>(block.scales[s] & 15),
          static_cast<std::uint8_t>(block.scales[s] >> 4)};
}

// -32..31: the low nibble of scale s in nibble s / 8 of byte s % 8, its two high bits in bits 2n,
// 2n + 1 of byte 8 + s % 4, n = s / 4.
constexpr int ScaleQ3_K(const BlockQ3_K& block, int s) {
  const std::uint8_t* b = block.scales;
  const int nibble = s < 8 ? b[s] & 15 : b[s - 8] >> 4;
  return (nibble | (b[8 + s % 4] >> (2 * (s / 4)) & 3) << 4) - 32;
}

// -32..31.
constexpr int ScaleIQ4_XS(const BlockIQ4_XS& block, int s) {
  const int nibble = block.scales_low[s / 2] >> (4 * (s % 2)) & 15;
  return (nibble | (block.scales_high >> (2 * s) & 3) << 4) - 32;
}

// 2^(e - 128), for every e: half of E8M0, since the codebook is doubled. e = 0 and 1 give
// denormals; 255, which the specification calls NaN, is 2^127, as ggml has it.
constexpr float ScaleMXFP4(const BlockMXFP4& block) {
  const std::uint32_t e = block.e;
  return std::bit_cast<float>(e < 2 ? 0x200000u << e : (e - 1) << 23);
}

// The nibble of element i (0..31) of a block of 32.
constexpr int Nibble(const std::uint8_t* q, int i) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; }

constexpr int ValueQ4_0(const BlockQ4_0& block, int i) { return Nibble(block.q, i) - 8; }
constexpr int ValueQ4_1(const BlockQ4_1& block, int i) { return Nibble(block.q, i); }

// The five bits of element i (0..31).
constexpr int FiveBits(const std::uint8_t (&high)[4], const std::uint8_t (&q)[16], int i) {
  return Nibble(q, i) | (high[i / 8] >> (i % 8) & 1) << 4;
}

constexpr int ValueQ5_0(const BlockQ5_0& block, int i) {
  return FiveBits(block.high, block.q, i) - 16;
}
constexpr int ValueQ5_1(const BlockQ5_1& block, int i) { return FiveBits(block.high, block.q, i); }

constexpr int ValueIQ4_NL(const BlockIQ4_NL& block, int i) {
  return kCodebookIQ4[Nibble(block.q, i)];
}
constexpr int ValueIQ4_XS(const BlockIQ4_XS& block, int i) {
  return kCodebookIQ4[Nibble(block.q + i / 32 * 16, i % 32)];
}
constexpr int ValueMXFP4(const BlockMXFP4& block, int i) {
  return kCodebookMXFP4[Nibble(block.q, i)];
}

// The two bits of element i (0..255). Each half of 128 has four groups of 32; byte l of its 32
// bytes has two bits for each group.
constexpr int ValueQ2_K(const BlockQ2_K& block, int i) {
  return block.q[i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3;
}

// -4..3.
constexpr int ValueQ3_K(const BlockQ3_K& block, int i) {
  const int low = block.q[i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3;
  return (low | (block.high[i % 32] >> (i / 32) & 1) << 2) - 4;
}

// The nibble of element i (0..255), 0..15: two sub-blocks share 32 bytes.
constexpr int NibbleK(const std::uint8_t* q, int i) {
  const std::uint8_t byte = q[i / 64 * 32 + i % 32];
  return i % 64 < 32 ? byte & 15 : byte >> 4;
}

constexpr int ValueQ4_K(const BlockQ4_K& block, int i) { return NibbleK(block.q, i); }
constexpr int ValueQ5_K(const BlockQ5_K& block, int i) {
  return NibbleK(block.q, i) | (block.high[i % 32] >> (i / 32) & 1) << 4;
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

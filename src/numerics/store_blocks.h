// Scales and values into the bits of blocks: the inverses of the accessors of blocks.h. Each goes
// into bits that are zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/blocks.h"

namespace millrace {

// The inverse of SixBitScaleMin. scales: the 12 bytes of a Q4_K or Q5_K block; s: 0..7.
inline void StoreScaleMin(std::uint8_t* scales, std::size_t s, int scale, int min) {
  if (s < 4) {
    scales[s] = static_cast<std::uint8_t>(scales[s] | scale);
    scales[s + 4] = static_cast<std::uint8_t>(scales[s + 4] | min);
  } else {
    scales[s + 4] = static_cast<std::uint8_t>((scale & 15) | (min & 15) << 4);
    scales[s - 4] = static_cast<std::uint8_t>(scales[s - 4] | (scale >> 4) << 6);
    scales[s] = static_cast<std::uint8_t>(scales[s] | (min >> 4) << 6);
  }
}

// The nibble of element i (0..255), 0..15.
inline void StoreValue(BlockQ4_K& block, std::size_t i, int value) {
  std::uint8_t& byte = block.q[i / 64 * 32 + i % 32];
  byte = static_cast<std::uint8_t>(byte | value << (i % 64 < 32 ? 0 : 4));
}

// The five bits of element i, 0..31.
inline void StoreValue(BlockQ5_K& block, std::size_t i, int value) {
  std::uint8_t &low = block.q[i / 64 * 32 + i % 32], &high = block.high[i % 32];
  low = static_cast<std::uint8_t>(low | (value & 15) << (i % 64 < 32 ? 0 : 4));
  high = static_cast<std::uint8_t>(high | (value >> 4) << (i / 32));
}

// The value of element i, -32..31.
inline void StoreValue(BlockQ6_K& block, std::size_t i, int value) {
  const std::size_t half = i / 128, group = i % 128 / 32, l = i % 32;
  const int bits = value + 32;
  std::uint8_t& low = block.low[half * 64 + group % 2 * 32 + l];
  std::uint8_t& high = block.high[half * 32 + l];
  low = static_cast<std::uint8_t>(low | (bits & 15) << (group < 2 ? 0 : 4));
  high = static_cast<std::uint8_t>(high | (bits >> 4) << (2 * group));
}

// The five bits of element i of 32, 0..31, as Q5_0 and Q5_1 have them.
inline void StoreFiveBits(std::uint8_t (&high)[4], std::uint8_t (&q)[16], std::size_t i,
                          int value) {
  high[i / 8] = static_cast<std::uint8_t>(high[i / 8] | (value >> 4) << (i % 8));
  q[i % 16] = static_cast<std::uint8_t>(q[i % 16] | (value & 15) << (i < 16 ? 0 : 4));
}

// Element i of 32, -16..15.
inline void StoreValue(BlockQ5_0& block, std::size_t i, int value) {
  StoreFiveBits(block.high, block.q, i, value + 16);
}

// Element i of 32, -8..7.
inline void StoreValue(BlockQ4_0& block, std::size_t i, int value) {
  std::uint8_t& byte = block.q[i % 16];
  byte = static_cast<std::uint8_t>(byte | (value + 8) << (i < 16 ? 0 : 4));
}

inline void StoreValue(BlockQ8_0& block, std::size_t i, int value) {
  block.q[i] = static_cast<std::int8_t>(value);
}

}  // namespace millrace

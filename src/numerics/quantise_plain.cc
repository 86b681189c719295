#include "numerics/quantise_plain.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "numerics/blocks.h"
#include "numerics/quantise_rounding.h"
#include "numerics/store_blocks.h"

namespace millrace {
namespace {

std::uint8_t Byte(int low, int high) { return static_cast<std::uint8_t>(low | high << 4); }

// d and m of a block whose values are m, m + d, ... m + steps * d; the counts of steps.
template <typename Block>
void FromLeast(std::span<const float> x, int steps, Block& block, int (&values)[32]) {
  const auto [least, most] = RangeOf(x);
  block.d = FiniteHalf((most - least) / static_cast<float>(steps));
  block.m = FiniteHalf(least);
  const float inverse = Inverse(HalfToFloat(block.d)), m = HalfToFloat(block.m);
  for (std::size_t i = 0; i < 32; ++i) values[i] = RoundWithin((x[i] - m) * inverse, 0, steps);
}

void Quantise(std::span<const float> x, BlockQ4_1& block) {
  int values[32];
  FromLeast(x, 15, block, values);
  for (int i = 0; i < 16; ++i) block.q[i] = Byte(values[i], values[i + 16]);
}

void Quantise(std::span<const float> x, BlockQ5_1& block) {
  block = {};
  int values[32];
  FromLeast(x, 31, block, values);
  for (std::size_t i = 0; i < 32; ++i) StoreFiveBits(block.high, block.q, i, values[i]);
}

// The extreme becomes -16, the end of the five bits that reaches farther.
void Quantise(std::span<const float> x, BlockQ5_0& block) {
  block = {};
  block.d = FiniteHalf(Extreme(x) / -16.0f);
  const float inverse = Inverse(HalfToFloat(block.d));
  for (std::size_t i = 0; i < 32; ++i) StoreValue(block, i, RoundWithin(x[i] * inverse, -16, 15));
}

// The nibble whose value of the codebook is nearest; the first of equals.
int Nearest(const std::int8_t (&codebook)[16], float value) {
  int nearest = 0;
  float least = std::fabs(value - static_cast<float>(codebook[0]));
  for (int i = 1; i < 16; ++i) {
    const float distance = std::fabs(value - static_cast<float>(codebook[i]));
    if (distance < least) nearest = i, least = distance;
  }
  return nearest;
}

// 32 values in units of the codebook, as the nibbles of 16 bytes.
void StoreNearest(const std::int8_t (&codebook)[16], std::span<const float> x, float inverse,
                  std::uint8_t* q) {
  for (std::size_t i = 0; i < 16; ++i) {
    q[i] = Byte(Nearest(codebook, x[i] * inverse), Nearest(codebook, x[i + 16] * inverse));
  }
}

// The extreme becomes -127, the end of the codebook that reaches farther.
void Quantise(std::span<const float> x, BlockIQ4_NL& block) {
  block.d = FiniteHalf(Extreme(x) / -127.0f);
  StoreNearest(kCodebookIQ4, x, Inverse(HalfToFloat(block.d)), block.q);
}

// The exponent of the specification: that of amax less 2, which is the exponent of 6 and of 4.
void Quantise(std::span<const float> x, BlockMXFP4& block) {
  const float amax = std::fabs(Extreme(x));
  int exponent = 2;  // smaller ones would have no finite inverse
  if (std::isfinite(amax) && amax > 0) exponent = std::max(std::ilogb(amax) - 2 + 127, 2);
  block.e = static_cast<std::uint8_t>(exponent);
  StoreNearest(kCodebookMXFP4, x, amax > 0 ? 1.0f / ScaleMXFP4(block) : 0.0f, block.q);
}

// Sub-blocks reach from -min to -min + steps * scale; a minimum cannot be negative.
struct Reach {
  float scale = 0, min = 0;
};

Reach ReachOf(std::span<const float> x, float steps) {
  const auto [least, most] = RangeOf(x);
  const float min = std::max(0.0f, -least);
  return {(std::max(0.0f, most) + min) / steps, min};
}

// The scales of the sub-blocks of a block, in units of d, and the minima, in units of dmin.
template <std::size_t kCount>
struct Levels {
  Half d, dmin;
  int scale[kCount], min[kCount];

  Levels(const Reach (&reach)[kCount], int most) {
    float scales = 0, minima = 0;
    for (const Reach& r : reach)
      scales = std::max(scales, r.scale), minima = std::max(minima, r.min);
    d = FiniteHalf(scales / static_cast<float>(most));
    dmin = FiniteHalf(minima / static_cast<float>(most));
    for (std::size_t s = 0; s < kCount; ++s) {
      scale[s] = RoundWithin(reach[s].scale * Inverse(HalfToFloat(d)), 0, most);
      min[s] = RoundWithin(reach[s].min * Inverse(HalfToFloat(dmin)), 0, most);
    }
  }

  // The count of steps of sub-block s nearest to value, 0..steps.
  int Steps(std::size_t s, float value, int steps) const {
    const float inverse = Inverse(HalfToFloat(d) * static_cast<float>(scale[s]));
    const float minimum = HalfToFloat(dmin) * static_cast<float>(min[s]);
    return RoundWithin((value + minimum) * inverse, 0, steps);
  }
};

void Quantise(std::span<const float> x, BlockQ2_K& block) {
  Reach reach[16];
  for (std::size_t s = 0; s < 16; ++s) reach[s] = ReachOf(x.subspan(16 * s, 16), 3);
  const Levels<16> levels(reach, 15);
  block = {};
  block.d = levels.d;
  block.dmin = levels.dmin;
  for (std::size_t s = 0; s < 16; ++s) block.scales[s] = Byte(levels.scale[s], levels.min[s]);
  for (std::size_t i = 0; i < 256; ++i) {
    std::uint8_t& byte = block.q[i / 128 * 32 + i % 32];
    byte = static_cast<std::uint8_t>(byte | levels.Steps(i / 16, x[i], 3) << (2 * (i % 128 / 32)));
  }
}

void Quantise(std::span<const float> x, BlockQ5_K& block) {
  Reach reach[8];
  for (std::size_t s = 0; s < 8; ++s) reach[s] = ReachOf(x.subspan(32 * s, 32), 31);
  const Levels<8> levels(reach, 63);
  block = {};
  block.d = levels.d;
  block.dmin = levels.dmin;
  for (std::size_t s = 0; s < 8; ++s)
    StoreScaleMin(block.scales, s, levels.scale[s], levels.min[s]);
  for (std::size_t i = 0; i < 256; ++i) StoreValue(block, i, levels.Steps(i / 32, x[i], 31));
}

// The extreme of each sub-block becomes -4; scales have a sign.
void Quantise(std::span<const float> x, BlockQ3_K& block) {
  float scale[16];
  for (std::size_t s = 0; s < 16; ++s) scale[s] = Extreme(x.subspan(s * 16, 16)) / -4.0f;
  block = {};
  block.d = FiniteHalf(std::fabs(Extreme(scale)) / 31.0f);
  const float d = HalfToFloat(block.d);
  for (std::size_t s = 0; s < 16; ++s) {
    const int scale_bits = RoundWithin(scale[s] * Inverse(d), -31, 31);
    std::uint8_t &low = block.scales[s % 8], &high = block.scales[8 + s % 4];
    low = static_cast<std::uint8_t>(low | ((scale_bits + 32) & 15) << (s < 8 ? 0 : 4));
    high = static_cast<std::uint8_t>(high | ((scale_bits + 32) >> 4) << (2 * (s / 4)));
    const float inverse = Inverse(d * static_cast<float>(scale_bits));
    for (std::size_t i = s * 16; i < s * 16 + 16; ++i) {
      const int value = RoundWithin(x[i] * inverse, -4, 3) + 4;
      std::uint8_t &two = block.q[i / 128 * 32 + i % 32], &third = block.high[i % 32];
      two = static_cast<std::uint8_t>(two | (value & 3) << (2 * (i % 128 / 32)));
      third = static_cast<std::uint8_t>(third | (value >> 2) << (i / 32));
    }
  }
}

void Quantise(std::span<const float> x, BlockIQ4_XS& block) {
  float scale[8];
  for (std::size_t s = 0; s < 8; ++s) scale[s] = Extreme(x.subspan(s * 32, 32)) / -127.0f;
  block = {};
  block.d = FiniteHalf(std::fabs(Extreme(scale)) / 31.0f);
  const float d = HalfToFloat(block.d);
  for (std::size_t s = 0; s < 8; ++s) {
    const int scale_bits = RoundWithin(scale[s] * Inverse(d), -31, 31);
    std::uint8_t& low = block.scales_low[s / 2];
    low = static_cast<std::uint8_t>(low | ((scale_bits + 32) & 15) << (4 * (s % 2)));
    block.scales_high =
        static_cast<std::uint16_t>(block.scales_high | ((scale_bits + 32) >> 4) << (2 * s));
    StoreNearest(kCodebookIQ4, x.subspan(s * 32, 32), Inverse(d * static_cast<float>(scale_bits)),
                 block.q + 16 * s);
  }
}

template <typename Block>
void QuantiseBlocks(DType dtype, std::span<const float> row, std::byte* out) {
  const std::size_t elements = BlockElements(dtype);
  for (std::size_t at = 0; at < row.size(); at += elements, out += sizeof(Block)) {
    Block block;
    Quantise(row.subspan(at, elements), block);
    std::memcpy(out, &block, sizeof(Block));
  }
}

}  // namespace

void QuantiseRowPlainly(DType dtype, std::span<const float> row, std::span<std::byte> out) {
  MILLRACE_CHECK(out.size() == RowBytes(dtype, row.size()));
  switch (dtype) {
    case DType::kQ4_1:
      return QuantiseBlocks<BlockQ4_1>(dtype, row, out.data());
    case DType::kQ5_0:
      return QuantiseBlocks<BlockQ5_0>(dtype, row, out.data());
    case DType::kQ5_1:
      return QuantiseBlocks<BlockQ5_1>(dtype, row, out.data());
    case DType::kQ5_K:
      return QuantiseBlocks<BlockQ5_K>(dtype, row, out.data());
    case DType::kIQ4_NL:
      return QuantiseBlocks<BlockIQ4_NL>(dtype, row, out.data());
    case DType::kIQ4_XS:
      return QuantiseBlocks<BlockIQ4_XS>(dtype, row, out.data());
    case DType::kMXFP4:
      return QuantiseBlocks<BlockMXFP4>(dtype, row, out.data());
    case DType::kQ2_K:
      return QuantiseBlocks<BlockQ2_K>(dtype, row, out.data());
    case DType::kQ3_K:
      return QuantiseBlocks<BlockQ3_K>(dtype, row, out.data());
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_K:
    case DType::kQ6_K:
      break;
  }
  MILLRACE_CHECK(false);
}

}  // namespace millrace

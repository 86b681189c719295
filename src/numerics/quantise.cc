#include "numerics/quantise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "numerics/blocks.h"
#include "numerics/half.h"
#include "numerics/quantise_plain.h"
#include "numerics/quantise_rounding.h"
#include "numerics/store_blocks.h"

namespace millrace {
namespace {

void Quantise(std::span<const float> x, BlockQ8_0& block) {
  block.d = FiniteHalf(std::fabs(Extreme(x)) / 127.0f);
  const float inverse = Inverse(HalfToFloat(block.d));
  for (std::size_t i = 0; i < 32; ++i)
    block.q[i] = static_cast<std::int8_t>(RoundWithin(x[i] * inverse, -127, 127));
}

// The extreme becomes -8, the end of the nibbles that reaches farther.
void Quantise(std::span<const float> x, BlockQ4_0& block) {
  block = {};
  block.d = FiniteHalf(Extreme(x) / -8.0f);
  const float inverse = Inverse(HalfToFloat(block.d));
  for (std::size_t i = 0; i < 32; ++i) StoreValue(block, i, RoundWithin(x[i] * inverse, -8, 7));
}

// Sub-blocks of 32 reach from -min to -min + 15 scale. The minimum cannot be negative: values all
// above zero are reached from zero.
void Quantise(std::span<const float> x, BlockQ4_K& block) {
  float scale[8], min[8];
  for (std::size_t s = 0; s < 8; ++s) {
    const auto [least, most] = RangeOf(x.subspan(s * 32, 32));
    min[s] = std::max(0.0f, -least);
    scale[s] = (std::max(0.0f, most) + min[s]) / 15.0f;
  }
  block = {};
  block.d = FiniteHalf(*std::max_element(scale, scale + 8) / 63.0f);
  block.dmin = FiniteHalf(*std::max_element(min, min + 8) / 63.0f);
  const float d = HalfToFloat(block.d), dmin = HalfToFloat(block.dmin);
  for (std::size_t s = 0; s < 8; ++s) {
    const int scale_bits = RoundWithin(scale[s] * Inverse(d), 0, 63);
    const int min_bits = RoundWithin(min[s] * Inverse(dmin), 0, 63);
    StoreScaleMin(block.scales, s, scale_bits, min_bits);
    const float inverse = Inverse(d * static_cast<float>(scale_bits));
    const float offset = dmin * static_cast<float>(min_bits);
    for (std::size_t i = 0; i < 32; ++i) {
      StoreValue(block, s * 32 + i, RoundWithin((x[s * 32 + i] + offset) * inverse, 0, 15));
    }
  }
}

// The extreme of each sub-block of 16 becomes -32; scales have a sign.
void Quantise(std::span<const float> x, BlockQ6_K& block) {
  float scale[16];
  for (std::size_t s = 0; s < 16; ++s) scale[s] = Extreme(x.subspan(s * 16, 16)) / -32.0f;
  block = {};
  block.d = FiniteHalf(std::fabs(Extreme(scale)) / 127.0f);
  const float d = HalfToFloat(block.d);
  for (std::size_t s = 0; s < 16; ++s) {
    const int scale_bits = RoundWithin(scale[s] * Inverse(d), -127, 127);
    block.scales[s] = static_cast<std::int8_t>(scale_bits);
    const float inverse = Inverse(d * static_cast<float>(scale_bits));
    for (std::size_t i = s * 16; i < s * 16 + 16; ++i)
      StoreValue(block, i, RoundWithin(x[i] * inverse, -32, 31));
  }
}

template <typename Block>
void QuantiseBlocks(std::span<const float> row, std::byte* out, std::size_t elements) {
  for (std::size_t at = 0; at < row.size(); at += elements, out += sizeof(Block)) {
    Block block;
    Quantise(row.subspan(at, elements), block);
    std::memcpy(out, &block, sizeof(Block));
  }
}

template <typename Convert>
void ConvertHalves(std::span<const float> row, std::byte* out, Convert convert) {
  for (const float value : row) {
    const std::uint16_t bits = convert(value);
    std::memcpy(out, &bits, sizeof(bits));
    out += sizeof(bits);
  }
}

}  // namespace

void QuantiseRow(DType dtype, std::span<const float> row, std::span<std::byte> out) {
  MILLRACE_CHECK(out.size() == RowBytes(dtype, row.size()));
  switch (dtype) {
    case DType::kF32:
      if (!row.empty()) std::memcpy(out.data(), row.data(), out.size());
      return;
    case DType::kF16:
      return ConvertHalves(row, out.data(), FloatToHalf);
    case DType::kBF16:
      return ConvertHalves(row, out.data(), FloatToBFloat);
    case DType::kQ8_0:
      return QuantiseBlocks<BlockQ8_0>(row, out.data(), 32);
    case DType::kQ4_0:
      return QuantiseBlocks<BlockQ4_0>(row, out.data(), 32);
    case DType::kQ4_K:
      return QuantiseBlocks<BlockQ4_K>(row, out.data(), 256);
    case DType::kQ6_K:
      return QuantiseBlocks<BlockQ6_K>(row, out.data(), 256);
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ5_K:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
    case DType::kMXFP4:
    case DType::kQ2_K:
    case DType::kQ3_K:
      return QuantiseRowPlainly(dtype, row, out);
  }
}

}  // namespace millrace

#include "kernels/dequantise.h"

#include <cstring>

#include "numerics/blocks.h"

namespace millrace {
namespace {

// Calls function(block, out of that block) for every block of the row.
template <typename Block, std::size_t kElements, typename Function>
void ForEachBlock(const std::byte* row, std::span<float> out, Function function) {
  for (std::size_t at = 0; at < out.size(); at += kElements, row += sizeof(Block)) {
    Block block;
    std::memcpy(&block, row, sizeof(Block));
    function(block, out.data() + at);
  }
}

// out[i] = scale * value(block, i), the blocks of 32 without a minimum.
template <typename Block>
void Scaled(const Block& block, float scale, int (*value)(const Block&, int), float* out) {
  for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(value(block, i));
}

// out[i] = d * value(block, i) + m.
template <typename Block>
void Shifted(const Block& block, int (*value)(const Block&, int), float* out) {
  const float d = HalfToFloat(block.d), m = HalfToFloat(block.m);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(value(block, i)) + m;
}

// Sub-blocks of kWidth values: out[i] = d * scale * value(block, i) - dmin * min.
template <int kWidth, typename Block>
void WithMinima(const Block& block, ScaleMin (*scale_min)(const Block&, int),
                int (*value)(const Block&, int), float* out) {
  const float d = HalfToFloat(block.d), dmin = HalfToFloat(block.dmin);
  for (int s = 0; s < 256 / kWidth; ++s) {
    const ScaleMin at = scale_min(block, s);
    const float scale = d * static_cast<float>(at.scale), min = dmin * static_cast<float>(at.min);
    for (int i = kWidth * s; i < kWidth * s + kWidth; ++i)
      out[i] = scale * static_cast<float>(value(block, i)) - min;
  }
}

// Sub-blocks of 16 values: out[i] = d * (scale * value(block, i)).
template <typename Block, typename Scale>
void WithScales(const Block& block, Scale scale, int (*value)(const Block&, int), float* out) {
  const float d = HalfToFloat(block.d);
  for (int i = 0; i < 256; ++i) out[i] = d * static_cast<float>(scale(i / 16) * value(block, i));
}

void IQ4_XS(const BlockIQ4_XS& block, float* out) {
  for (int s = 0; s < 8; ++s) {
    const float scale = HalfToFloat(block.d) * static_cast<float>(ScaleIQ4_XS(block, s));
    for (int i = 32 * s; i < 32 * s + 32; ++i)
      out[i] = scale * static_cast<float>(ValueIQ4_XS(block, i));
  }
}

}  // namespace

void DequantiseRow(DType dtype, const std::byte* row, std::span<float> out) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out.data(), row, out.size_bytes());
      return;
    case DType::kF16:
      return ForEachBlock<Half, 1>(row, out, [](Half half, float* to) { *to = HalfToFloat(half); });
    case DType::kBF16:
      return ForEachBlock<BFloat, 1>(row, out,
                                     [](BFloat bfloat, float* to) { *to = BFloatToFloat(bfloat); });
    case DType::kQ8_0:
      return ForEachBlock<BlockQ8_0, 32>(row, out, [](const BlockQ8_0& block, float* to) {
        const float d = HalfToFloat(block.d);
        for (int i = 0; i < 32; ++i) to[i] = d * static_cast<float>(block.q[i]);
      });
    case DType::kQ4_0:
      return ForEachBlock<BlockQ4_0, 32>(row, out, [](const BlockQ4_0& block, float* to) {
        Scaled(block, HalfToFloat(block.d), ValueQ4_0, to);
      });
    case DType::kQ5_0:
      return ForEachBlock<BlockQ5_0, 32>(row, out, [](const BlockQ5_0& block, float* to) {
        Scaled(block, HalfToFloat(block.d), ValueQ5_0, to);
      });
    case DType::kIQ4_NL:
      return ForEachBlock<BlockIQ4_NL, 32>(row, out, [](const BlockIQ4_NL& block, float* to) {
        Scaled(block, HalfToFloat(block.d), ValueIQ4_NL, to);
      });
    case DType::kMXFP4:
      return ForEachBlock<BlockMXFP4, 32>(row, out, [](const BlockMXFP4& block, float* to) {
        Scaled(block, ScaleMXFP4(block), ValueMXFP4, to);
      });
    case DType::kQ4_1:
      return ForEachBlock<BlockQ4_1, 32>(
          row, out, [](const BlockQ4_1& block, float* to) { Shifted(block, ValueQ4_1, to); });
    case DType::kQ5_1:
      return ForEachBlock<BlockQ5_1, 32>(
          row, out, [](const BlockQ5_1& block, float* to) { Shifted(block, ValueQ5_1, to); });
    case DType::kQ2_K:
      return ForEachBlock<BlockQ2_K, 256>(row, out, [](const BlockQ2_K& block, float* to) {
        WithMinima<16>(block, ScaleMinQ2_K, ValueQ2_K, to);
      });
    case DType::kQ4_K:
      return ForEachBlock<BlockQ4_K, 256>(row, out, [](const BlockQ4_K& block, float* to) {
        WithMinima<32>(block, ScaleMinQ4_K, ValueQ4_K, to);
      });
    case DType::kQ5_K:
      return ForEachBlock<BlockQ5_K, 256>(row, out, [](const BlockQ5_K& block, float* to) {
        WithMinima<32>(block, ScaleMinQ5_K, ValueQ5_K, to);
      });
    case DType::kQ3_K:
      return ForEachBlock<BlockQ3_K, 256>(row, out, [](const BlockQ3_K& block, float* to) {
        WithScales(
            block, [&](int s) { return ScaleQ3_K(block, s); }, ValueQ3_K, to);
      });
    case DType::kQ6_K:
      return ForEachBlock<BlockQ6_K, 256>(row, out, [](const BlockQ6_K& block, float* to) {
        WithScales(
            block, [&](int s) { return block.scales[s]; }, ValueQ6_K, to);
      });
    case DType::kIQ4_XS:
      return ForEachBlock<BlockIQ4_XS, 256>(row, out, IQ4_XS);
  }
}

}  // namespace millrace

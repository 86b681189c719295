#include "numerics/reference_row.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "numerics/blocks.h"
#include "numerics/half.h"
#include "numerics/reference.h"

namespace millrace::reference {
namespace {

template <typename Block>
Block LoadBlock(const std::byte* row, std::size_t index) {
  Block block;
  std::memcpy(&block, row + index * sizeof(Block), sizeof(Block));
  return block;
}

// 32 neighbouring weights as docs/numerics.md tables them. Element i, in half h = i / 16, is
//     dw * (scale[h] * w[i]) - mw * min[h]
struct Weights {
  float dw = 0;
  float mw = 0;
  bool has_min = false;
  int scale[2] = {1, 1};
  int min[2] = {1, 1};
  int w[kActivationBlock] = {};
};

Weights FromQ8_0(const BlockQ8_0& block) {
  Weights weights{.dw = HalfToFloat(block.d)};
  for (int i = 0; i < 32; ++i) weights.w[i] = block.q[i];
  return weights;
}

Weights FromQ4_0(const BlockQ4_0& block) {
  Weights weights{.dw = HalfToFloat(block.d)};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ4_0(block, i);
  return weights;
}

Weights FromQ4_1(const BlockQ4_1& block) {
  Weights weights{.dw = HalfToFloat(block.d), .mw = -HalfToFloat(block.m), .has_min = true};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ4_1(block, i);
  return weights;
}

Weights FromQ5_0(const BlockQ5_0& block) {
  Weights weights{.dw = HalfToFloat(block.d)};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ5_0(block, i);
  return weights;
}

Weights FromQ5_1(const BlockQ5_1& block) {
  Weights weights{.dw = HalfToFloat(block.d), .mw = -HalfToFloat(block.m), .has_min = true};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ5_1(block, i);
  return weights;
}

Weights FromIQ4_NL(const BlockIQ4_NL& block) {
  Weights weights{.dw = HalfToFloat(block.d)};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueIQ4_NL(block, i);
  return weights;
}

Weights FromMXFP4(const BlockMXFP4& block) {
  Weights weights{.dw = ScaleMXFP4(block)};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueMXFP4(block, i);
  return weights;
}

Weights FromQ2_K(const BlockQ2_K& block, int sub_block) {
  Weights weights{.dw = HalfToFloat(block.d), .mw = HalfToFloat(block.dmin), .has_min = true};
  for (int half = 0; half < 2; ++half) {
    const ScaleMin scale_min = ScaleMinQ2_K(block, 2 * sub_block + half);
    weights.scale[half] = scale_min.scale;
    weights.min[half] = scale_min.min;
  }
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ2_K(block, sub_block * 32 + i);
  return weights;
}

Weights FromQ3_K(const BlockQ3_K& block, int sub_block) {
  Weights weights{.dw = HalfToFloat(block.d)};
  for (int half = 0; half < 2; ++half) weights.scale[half] = ScaleQ3_K(block, 2 * sub_block + half);
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ3_K(block, sub_block * 32 + i);
  return weights;
}

Weights FromQ4_K(const BlockQ4_K& block, int sub_block) {
  const ScaleMin scale_min = ScaleMinQ4_K(block, sub_block);
  Weights weights{.dw = HalfToFloat(block.d) * static_cast<float>(scale_min.scale),
                  .mw = HalfToFloat(block.dmin) * static_cast<float>(scale_min.min),
                  .has_min = true};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ4_K(block, sub_block * 32 + i);
  return weights;
}

Weights FromQ5_K(const BlockQ5_K& block, int sub_block) {
  const ScaleMin scale_min = ScaleMinQ5_K(block, sub_block);
  Weights weights{.dw = HalfToFloat(block.d) * static_cast<float>(scale_min.scale),
                  .mw = HalfToFloat(block.dmin) * static_cast<float>(scale_min.min),
                  .has_min = true};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ5_K(block, sub_block * 32 + i);
  return weights;
}

Weights FromIQ4_XS(const BlockIQ4_XS& block, int sub_block) {
  Weights weights{.dw = HalfToFloat(block.d) * static_cast<float>(ScaleIQ4_XS(block, sub_block))};
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueIQ4_XS(block, sub_block * 32 + i);
  return weights;
}

Weights FromQ6_K(const BlockQ6_K& block, int sub_block) {
  Weights weights{.dw = HalfToFloat(block.d)};
  for (int half = 0; half < 2; ++half) weights.scale[half] = block.scales[2 * sub_block + half];
  for (int i = 0; i < 32; ++i) weights.w[i] = ValueQ6_K(block, sub_block * 32 + i);
  return weights;
}

// Columns 32b .. 32b + 31 of a row.
Weights Unpack(DType dtype, const std::byte* row, std::size_t b) {
  const int sub_block = static_cast<int>(b % 8);
  switch (dtype) {
    case DType::kQ8_0:
      return FromQ8_0(LoadBlock<BlockQ8_0>(row, b));
    case DType::kQ4_0:
      return FromQ4_0(LoadBlock<BlockQ4_0>(row, b));
    case DType::kQ4_K:
      return FromQ4_K(LoadBlock<BlockQ4_K>(row, b / 8), sub_block);
    case DType::kQ6_K:
      return FromQ6_K(LoadBlock<BlockQ6_K>(row, b / 8), sub_block);
    case DType::kQ4_1:
      return FromQ4_1(LoadBlock<BlockQ4_1>(row, b));
    case DType::kQ5_0:
      return FromQ5_0(LoadBlock<BlockQ5_0>(row, b));
    case DType::kQ5_1:
      return FromQ5_1(LoadBlock<BlockQ5_1>(row, b));
    case DType::kQ5_K:
      return FromQ5_K(LoadBlock<BlockQ5_K>(row, b / 8), sub_block);
    case DType::kIQ4_NL:
      return FromIQ4_NL(LoadBlock<BlockIQ4_NL>(row, b));
    case DType::kIQ4_XS:
      return FromIQ4_XS(LoadBlock<BlockIQ4_XS>(row, b / 8), sub_block);
    case DType::kMXFP4:
      return FromMXFP4(LoadBlock<BlockMXFP4>(row, b));
    case DType::kQ2_K:
      return FromQ2_K(LoadBlock<BlockQ2_K>(row, b / 8), sub_block);
    case DType::kQ3_K:
      return FromQ3_K(LoadBlock<BlockQ3_K>(row, b / 8), sub_block);
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      break;
  }
  MILLRACE_CHECK(false);
  return {};
}

// scale[0] * (sum over the first half of w q) + scale[1] * (that over the second).
std::int32_t Dot(const Weights& weights, const ActivationBlock& x) {
  std::int32_t dot = 0;
  for (int half = 0; half < 2; ++half) {
    std::int32_t sum = 0;
    for (int i = 16 * half; i < 16 * half + 16; ++i) sum += weights.w[i] * x.q[i];
    dot += weights.scale[half] * sum;
  }
  return dot;
}

void DequantiseBlock(const Weights& weights, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = weights.dw * static_cast<float>(weights.scale[i / 16] * weights.w[i]);
    if (weights.has_min) out[i] -= weights.mw * static_cast<float>(weights.min[i / 16]);
  }
}

}  // namespace

float QuantisedRow(DType dtype, const std::byte* row, std::span<const ActivationBlock> x,
                   float acc) {
  for (std::size_t b = 0; b < x.size(); ++b) {
    const Weights weights = Unpack(dtype, row, b);
    acc = std::fma(weights.dw * x[b].d, static_cast<float>(Dot(weights, x[b])), acc);
    if (weights.has_min) {
      const std::int32_t sum =
          weights.min[0] * x[b].half_sum[0] + weights.min[1] * x[b].half_sum[1];
      acc = std::fma(-(weights.mw * x[b].d), static_cast<float>(sum), acc);
    }
  }
  return acc;
}

float FloatRow(DType dtype, const std::byte* row, std::span<const float> x, float acc) {
  std::vector<float> w(x.size());
  DequantiseRow(dtype, row, w);
  for (std::size_t k = 0; k < x.size(); ++k) acc = std::fma(w[k], x[k], acc);
  return acc;
}

void DequantiseRow(DType dtype, const std::byte* row, std::span<float> out) {
  if (IsQuantised(dtype)) {
    for (std::size_t b = 0; b < out.size() / kActivationBlock; ++b) {
      DequantiseBlock(Unpack(dtype, row, b), out.subspan(b * kActivationBlock, kActivationBlock));
    }
    return;
  }
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = dtype == DType::kF32   ? LoadBlock<float>(row, k)
             : dtype == DType::kF16 ? HalfToFloat(LoadBlock<Half>(row, k))
                                    : BFloatToFloat(LoadBlock<BFloat>(row, k));
  }
}

}  // namespace millrace::reference

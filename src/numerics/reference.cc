#include "numerics/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "numerics/blocks.h"
#include "numerics/elementary.h"

namespace millrace::reference {
namespace {

template <typename Block>
Block LoadBlock(const std::byte* row, std::size_t index) {
  Block block;
  std::memcpy(&block, row + index * sizeof(Block), sizeof(Block));
  return block;
}

float TreeSum(const float (&partial)[16]) {
  float sums[16];
  std::copy(std::begin(partial), std::end(partial), sums);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) sums[i] += sums[i + width];
  }
  return sums[0];
}

// What one block of 32 weights of a row contributes: fma(scale * d, dot), and with a minimum
// fma(-(min * d), sum).
struct BlockDot {
  float scale = 0;
  std::int32_t dot = 0;
  float min = 0;
  bool has_min = false;
};

BlockDot DotQ8_0(const std::byte* row, std::size_t b, const ActivationBlock& x) {
  const auto block = LoadBlock<BlockQ8_0>(row, b);
  BlockDot result{.scale = HalfToFloat(block.d)};
  for (int i = 0; i < 32; ++i) result.dot += block.q[i] * x.q[i];
  return result;
}

BlockDot DotQ4_0(const std::byte* row, std::size_t b, const ActivationBlock& x) {
  const auto block = LoadBlock<BlockQ4_0>(row, b);
  BlockDot result{.scale = HalfToFloat(block.d)};
  for (int i = 0; i < 32; ++i) result.dot += ValueQ4_0(block, i) * x.q[i];
  return result;
}

BlockDot DotQ4_K(const std::byte* row, std::size_t b, const ActivationBlock& x) {
  const auto block = LoadBlock<BlockQ4_K>(row, b / 8);
  const int sub_block = static_cast<int>(b % 8);
  const ScaleMin scale_min = ScaleMinQ4_K(block, sub_block);
  BlockDot result{.scale = HalfToFloat(block.d) * static_cast<float>(scale_min.scale),
                  .min = HalfToFloat(block.dmin) * static_cast<float>(scale_min.min),
                  .has_min = true};
  for (int i = 0; i < 32; ++i) result.dot += ValueQ4_K(block, sub_block * 32 + i) * x.q[i];
  return result;
}

BlockDot DotQ6_K(const std::byte* row, std::size_t b, const ActivationBlock& x) {
  const auto block = LoadBlock<BlockQ6_K>(row, b / 8);
  const int sub_block = static_cast<int>(b % 8);
  BlockDot result{.scale = HalfToFloat(block.d)};
  for (int half = 0; half < 2; ++half) {
    std::int32_t dot = 0;
    for (int i = 16 * half; i < 16 * half + 16; ++i) {
      dot += ValueQ6_K(block, sub_block * 32 + i) * x.q[i];
    }
    result.dot += block.scales[2 * sub_block + half] * dot;
  }
  return result;
}

BlockDot Dot(DType dtype, const std::byte* row, std::size_t b, const ActivationBlock& x) {
  switch (dtype) {
    case DType::kQ8_0:
      return DotQ8_0(row, b, x);
    case DType::kQ4_0:
      return DotQ4_0(row, b, x);
    case DType::kQ4_K:
      return DotQ4_K(row, b, x);
    case DType::kQ6_K:
      return DotQ6_K(row, b, x);
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      break;
  }
  MILLRACE_CHECK(false);
  return {};
}

float QuantisedRow(DType dtype, const std::byte* row, std::span<const ActivationBlock> x) {
  float acc = 0;
  for (std::size_t b = 0; b < x.size(); ++b) {
    const BlockDot block = Dot(dtype, row, b, x[b]);
    acc = std::fma(block.scale * x[b].d, static_cast<float>(block.dot), acc);
    if (block.has_min) acc = std::fma(-(block.min * x[b].d), static_cast<float>(x[b].sum), acc);
  }
  return acc;
}

float FloatRow(DType dtype, const std::byte* row, std::span<const float> x) {
  std::vector<float> w(x.size());
  DequantiseRow(dtype, row, w);
  float acc = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const float rounded = dtype == DType::kF16    ? RoundToHalf(x[k])
                          : dtype == DType::kBF16 ? RoundToBFloat(x[k])
                                                  : x[k];
    acc = std::fma(w[k], rounded, acc);
  }
  return acc;
}

}  // namespace

void DequantiseRow(DType dtype, const std::byte* row, std::span<float> out) {
  const int block_elements = static_cast<int>(BlockElements(dtype));
  for (std::size_t k = 0; k < out.size(); ++k) {
    const std::size_t b = k / BlockElements(dtype);
    const int i = static_cast<int>(k) % block_elements;
    switch (dtype) {
      case DType::kF32:
        out[k] = LoadBlock<float>(row, k);
        break;
      case DType::kF16:
        out[k] = HalfToFloat(LoadBlock<Half>(row, k));
        break;
      case DType::kBF16:
        out[k] = BFloatToFloat(LoadBlock<BFloat>(row, k));
        break;
      case DType::kQ8_0: {
        const auto block = LoadBlock<BlockQ8_0>(row, b);
        out[k] = HalfToFloat(block.d) * static_cast<float>(block.q[i]);
        break;
      }
      case DType::kQ4_0: {
        const auto block = LoadBlock<BlockQ4_0>(row, b);
        out[k] = HalfToFloat(block.d) * static_cast<float>(ValueQ4_0(block, i));
        break;
      }
      case DType::kQ4_K: {
        const auto block = LoadBlock<BlockQ4_K>(row, b);
        const ScaleMin s = ScaleMinQ4_K(block, i / 32);
        out[k] = HalfToFloat(block.d) * static_cast<float>(s.scale * ValueQ4_K(block, i)) -
                 HalfToFloat(block.dmin) * static_cast<float>(s.min);
        break;
      }
      case DType::kQ6_K: {
        const auto block = LoadBlock<BlockQ6_K>(row, b);
        out[k] =
            HalfToFloat(block.d) * static_cast<float>(block.scales[i / 16] * ValueQ6_K(block, i));
        break;
      }
    }
  }
}

std::vector<ActivationBlock> Quantise(std::span<const float> x) {
  MILLRACE_CHECK(x.size() % kActivationBlock == 0);
  std::vector<ActivationBlock> blocks(x.size() / kActivationBlock);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const auto values = x.subspan(b * kActivationBlock, kActivationBlock);
    float amax = 0;
    for (const float value : values) amax = std::fabs(value) > amax ? std::fabs(value) : amax;
    ActivationBlock& block = blocks[b];
    block = {};
    if (!(amax >= 0x1p-96f)) continue;
    block.d = amax / 127.0f;
    const float inverse = 1.0f / block.d;
    for (int i = 0; i < kActivationBlock; ++i) {
      float q = std::nearbyint(values[static_cast<std::size_t>(i)] * inverse);
      q = q > -127.0f ? q : -127.0f;  // also for NaN
      q = q < 127.0f ? q : 127.0f;
      block.q[i] = static_cast<std::int8_t>(q);
      block.half_sum[i / 16] += block.q[i];
    }
    block.sum = block.half_sum[0] + block.half_sum[1];
  }
  return blocks;
}

float Sum(std::span<const float> x) {
  float partial[16] = {};
  for (std::size_t i = 0; i < x.size(); ++i) partial[i % 16] += x[i];
  return TreeSum(partial);
}

float SumOfSquares(std::span<const float> x) {
  float partial[16] = {};
  for (std::size_t i = 0; i < x.size(); ++i)
    partial[i % 16] = std::fma(x[i], x[i], partial[i % 16]);
  return TreeSum(partial);
}

void RmsNorm(std::span<const float> x, std::span<const float> weight, float eps,
             std::span<float> y) {
  const float inverse = 1.0f / std::sqrt(SumOfSquares(x) / static_cast<float>(x.size()) + eps);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = (x[i] * inverse) * weight[i];
}

void Linear(DType dtype, const std::byte* w, std::span<const float> x, std::span<float> y) {
  const std::size_t row_bytes = RowBytes(dtype, x.size());
  if (IsQuantised(dtype)) {
    const std::vector<ActivationBlock> blocks = Quantise(x);
    for (std::size_t r = 0; r < y.size(); ++r)
      y[r] = QuantisedRow(dtype, w + r * row_bytes, blocks);
  } else {
    for (std::size_t r = 0; r < y.size(); ++r) y[r] = FloatRow(dtype, w + r * row_bytes, x);
  }
}

void Rope(std::span<const float> cosine, std::span<const float> sine, std::span<float> head) {
  for (std::size_t i = 0; i < cosine.size(); ++i) {
    const float a = head[2 * i], b = head[2 * i + 1];
    head[2 * i] = std::fma(a, cosine[i], -(b * sine[i]));
    head[2 * i + 1] = std::fma(b, cosine[i], a * sine[i]);
  }
}

void SiluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = Silu(gate[i]) * up[i];
}

void Attention(CacheType cache, std::span<const float> query, const float* keys,
               const float* values, std::size_t stride, std::size_t positions, float scale,
               std::span<float> out) {
  constexpr std::size_t kBlock = 64;
  const std::size_t head_dim = query.size();
  const auto round = [&](float x) { return cache == CacheType::kF16 ? RoundToHalf(x) : x; };
  std::vector<float> scaled(head_dim), acc(head_dim, 0.0f);
  for (std::size_t d = 0; d < head_dim; ++d) scaled[d] = round(query[d] * scale);
  float max = 0, sum = 0;
  for (std::size_t begin = 0; begin < positions; begin += kBlock) {
    const std::size_t count = std::min(kBlock, positions - begin);
    float p[kBlock] = {};
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t d = 0; d < head_dim; ++d) {
        p[i] = std::fma(scaled[d], keys[(begin + i) * stride + d], p[i]);
      }
    }
    const float block_max = *std::max_element(p, p + count);
    const float new_max = begin == 0 ? block_max : std::max(max, block_max);
    const float correction = begin == 0 ? 0.0f : Exp(max - new_max);
    for (std::size_t i = 0; i < count; ++i) p[i] = round(Exp(p[i] - new_max));
    sum = std::fma(sum, correction, Sum(p));
    for (std::size_t d = 0; d < head_dim; ++d) {
      acc[d] *= correction;
      for (std::size_t i = 0; i < count; ++i) {
        acc[d] = std::fma(p[i], values[(begin + i) * stride + d], acc[d]);
      }
    }
    max = new_max;
  }
  const float inverse = 1.0f / sum;
  for (std::size_t d = 0; d < head_dim; ++d) out[d] = acc[d] * inverse;
}

}  // namespace millrace::reference

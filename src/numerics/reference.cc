#include "numerics/reference.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "numerics/elementary.h"
#include "numerics/half.h"
#include "numerics/reference_row.h"

namespace millrace::reference {
namespace {

float TreeSum(const float (&partial)[16]) {
  float sums[16];
  std::copy(std::begin(partial), std::end(partial), sums);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) sums[i] += sums[i + width];
  }
  return sums[0];
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

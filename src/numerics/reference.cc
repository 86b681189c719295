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

// x as weights of `dtype` take it.
std::vector<float> Rounded(DType dtype, std::span<const float> x) {
  std::vector<float> rounded;
  for (const float value : x) {
    rounded.push_back(dtype == DType::kF16    ? RoundToHalf(value)
                      : dtype == DType::kBF16 ? RoundToBFloat(value)
                                              : value);
  }
  return rounded;
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
    const std::vector<float> rounded = Rounded(dtype, x);
    for (std::size_t r = 0; r < y.size(); ++r) y[r] = FloatRow(dtype, w + r * row_bytes, rounded);
  }
}

void Rope(std::span<const float> cosine, std::span<const float> sine, std::span<float> head) {
  for (std::size_t i = 0; i < cosine.size(); ++i) {
    const float a = head[2 * i], b = head[2 * i + 1];
    head[2 * i] = std::fma(a, cosine[i], -(b * sine[i]));
    head[2 * i + 1] = std::fma(b, cosine[i], a * sine[i]);
  }
}

void RopeHalves(std::span<const float> cosine, std::span<const float> sine, std::span<float> head) {
  const std::size_t n = cosine.size();
  for (std::size_t i = 0; i < n; ++i) {
    const float a = head[i], b = head[i + n];
    head[i] = std::fma(a, cosine[i], -(b * sine[i]));
    head[i + n] = std::fma(b, cosine[i], a * sine[i]);
  }
}

void GeluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = Gelu(gate[i]) * up[i];
}

void ClampedSwigluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y) {
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float g = std::min(gate[i], 7.0f);
    const float u = std::max(std::min(up[i], 7.0f), -7.0f);
    y[i] = g / (1.0f + Exp(-(1.702f * g))) * (u + 1.0f);
  }
}

void Softcap(std::span<const float> x, float cap, std::span<float> y) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = cap * Tanh(x[i] / cap);
}

void SiluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = Silu(gate[i]) * up[i];
}

}  // namespace millrace::reference

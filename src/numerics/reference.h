// The arithmetic contract as code: the plain reference of every operation (docs/numerics.md).
//
// One loop an operation, in the order that the contract fixes. Every fast form equals these bit for
// bit; nothing here is fast, and nothing fast includes this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "numerics/activation.h"
#include "numerics/dtype.h"

namespace millrace::reference {

// One row of a matrix as binary32, exactly what the file says. row: RowBytes(dtype, out.size())
// bytes.
void DequantiseRow(DType dtype, const std::byte* row, std::span<float> out);

// x: a multiple of 32 values. Per block: d = amax / 127, q = rne(x * (1 / d)); all zero if amax <
// 2^-96.
std::vector<ActivationBlock> Quantise(std::span<const float> x);

// The sum of x in sixteen partial sums by index mod 16, each ascending from 0, then added as a tree
// of 8, 4, 2, 1.
float SumOfSquares(std::span<const float> x);
float Sum(std::span<const float> x);

// y = x / sqrt(mean(x^2) + eps) * weight, as (x * inverse) * weight with inverse = 1 /
// sqrt(SumOfSquares / n + eps).
void RmsNorm(std::span<const float> x, std::span<const float> weight, float eps,
             std::span<float> y);

// y[r] = sum over k of w[r, k] x[k].  w: [y.size(), x.size()] row-major, rows of RowBytes(dtype,
// x.size()). Quantised types take x through Quantise; F16 and BF16 take x rounded to their own
// type; F32 takes it as it is.
void Linear(DType dtype, const std::byte* w, std::span<const float> x, std::span<float> y);

// Rotates the pairs (x[2i], x[2i+1]) of one head by the angle i of a position; dimensions past the
// table stay. cosine, sine: [rotary / 2] of that position. RoPE, arXiv:2104.09864 eq. 34.
void Rope(std::span<const float> cosine, std::span<const float> sine, std::span<float> head);

// The same for the pairs (x[i], x[i + n]), n of them in the table.
void RopeHalves(std::span<const float> cosine, std::span<const float> sine, std::span<float> head);

// gelu(a) * b, gelu in its tanh form, arXiv:1606.08415.
void GeluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y);

// With a' = min(a, 7), b' = clamp(b, -7, 7): a' / (1 + exp(-(1.702 a'))) * (b' + 1), the gate of
// gpt-oss.
void ClampedSwigluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y);

// cap * tanh(x / cap).
void Softcap(std::span<const float> x, float cap, std::span<float> y);

// a / (1 + exp(-a)) * b, the gate of SwiGLU, arXiv:2002.05202.
void SiluMul(std::span<const float> gate, std::span<const float> up, std::span<float> y);

}  // namespace millrace::reference

// Operations on one row of activations, for any lanes: norm, quantise, gate, rotation.
#pragma once

#include "kernels/kernel_table.h"
#include "numerics/elementary.h"

namespace millrace::kernels {

// The operations of numerics/elementary.cc's Exp, lane by lane.
template <typename L>
inline typename L::F Exp(typename L::F x) {
  using F = typename L::F;
  x = L::Max(L::Set(kExpLowest), L::Min(L::Set(kExpHighest), x));  // NaN stays
  const F n = L::Round(L::Mul(x, L::Set(kLog2E)));
  F r = L::Fma(n, L::Set(-kLn2High), x);
  r = L::Fma(n, L::Set(-kLn2Low), r);
  F p = L::Set(kExpCoefficients[0]);
  for (int i = 1; i < 8; ++i) p = L::Fma(p, r, L::Set(kExpCoefficients[i]));
  const auto exponent = L::ToInt(n);
  const auto half = L::HalfInt(exponent);
  return L::Mul(L::Mul(p, L::PowerOfTwo(half)), L::PowerOfTwo(L::SubInt(exponent, half)));
}

template <typename L>
inline typename L::F Silu(typename L::F x) {
  return L::Div(x, L::Add(L::Set(1.0f), Exp<L>(L::Neg(x))));
}

// The operations of numerics/elementary.cc's Tanh and Gelu, lane by lane.
template <typename L>
inline typename L::F Tanh(typename L::F x) {
  using F = typename L::F;
  const F magnitude = L::Min(L::Abs(x), L::Set(kTanhHighest));
  const F twice = L::Add(magnitude, magnitude);
  const F n = L::Round(L::Mul(twice, L::Set(kLog2E)));
  F r = L::Fma(n, L::Set(-kLn2High), twice);
  r = L::Fma(n, L::Set(-kLn2Low), r);
  F s = L::Set(kTanhCoefficients[0]);
  for (int i = 1; i < 7; ++i) s = L::Fma(s, r, L::Set(kTanhCoefficients[i]));
  const F power = L::PowerOfTwo(L::ToInt(n));
  const F em1 = L::Fma(power, L::Fma(L::Mul(r, r), s, r), L::Sub(power, L::Set(1.0f)));
  const F y = L::Div(em1, L::Add(em1, L::Set(2.0f)));
  return L::Max(L::Neg(y), L::Min(y, x));  // the sign of x; NaN stays
}

template <typename L>
inline typename L::F Gelu(typename L::F x) {
  const auto twice_u = L::Mul(x, L::Fma(L::Set(kGeluCubic), L::Mul(x, x), L::Set(kGeluLinear)));
  return L::Div(x, L::Add(L::Set(1.0f), Exp<L>(L::Neg(twice_u))));
}

// out[i] = function(i-th 16 of ...): whole registers, then one partial. function(load, store
// offset) is given a loader.
template <typename L, typename Function>
inline void ForEach(std::size_t n, float* out, Function function) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    L::Store(out + i, function([i](const float* p) { return L::Load(p + i); }));
  }
  if (i < n) {
    L::StorePart(out + i, function([i, n](const float* p) { return L::LoadPart(p + i, n - i); }),
                 n - i);
  }
}

template <typename L>
float InverseRms(const float* x, float eps, std::size_t n) {
  auto squares = L::Zero();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const auto v = L::Load(x + i);
    squares = L::Fma(v, v, squares);
  }
  if (i < n) {
    const auto v = L::LoadPart(x + i, n - i);
    squares = L::Fma(v, v, squares);
  }
  const float mean = L::TreeSum(squares) / static_cast<float>(n);
  return 1.0f / __builtin_sqrtf(mean + eps);
}

template <typename L>
void RmsNorm(const float* x, const float* weight, float eps, std::size_t n, float* y) {
  const auto inverse = L::Set(InverseRms<L>(x, eps, n));
  ForEach<L>(n, y, [&](auto load) { return L::Mul(L::Mul(load(x), inverse), load(weight)); });
}

template <typename L>
void Quantise(const float* x, std::size_t n, ActivationBlock* blocks) {
  const auto highest = L::Set(127.0f), lowest = L::Set(-127.0f);
  for (std::size_t b = 0; b < n / 32; ++b) {
    const auto first = L::Load(x + b * 32), second = L::Load(x + b * 32 + 16);
    // Max(value, so far) is "so far" where the value is NaN, as in the reference.
    const float amax = L::ReduceMax(L::Max(L::Abs(second), L::Max(L::Abs(first), L::Zero())));
    ActivationBlock& block = blocks[b];
    if (!(amax >= 0x1p-96f)) {
      block = {};
      continue;
    }
    block.d = amax / 127.0f;
    const auto inverse = L::Set(1.0f / block.d);
    const auto integer = [&](auto v) {
      return L::ToInt(L::Min(L::Max(L::Round(L::Mul(v, inverse)), lowest), highest));
    };
    const auto q_first = integer(first), q_second = integer(second);
    L::StoreInt8(block.q, q_first);
    L::StoreInt8(block.q + 16, q_second);
    block.half_sum[0] = L::SumInt(q_first);
    block.half_sum[1] = L::SumInt(q_second);
    block.sum = block.half_sum[0] + block.half_sum[1];
  }
}

template <typename L>
void ToHalf(const float* x, std::size_t n, std::uint16_t* y) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) L::StoreHalf(y + i, L::Load(x + i));
  if (i == n) return;
  std::uint16_t part[16];
  L::StoreHalf(part, L::LoadPart(x + i, n - i));
  for (std::size_t k = 0; i + k < n; ++k) y[i + k] = part[k];
}

template <typename L>
void FromHalf(const std::uint16_t* x, std::size_t n, float* y) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) L::Store(y + i, L::LoadHalf(x + i));
  if (i == n) return;
  std::uint16_t part[16] = {};
  for (std::size_t k = 0; i + k < n; ++k) part[k] = x[i + k];
  L::StorePart(y + i, L::LoadHalf(part), n - i);
}

template <typename L>
void RoundHalf(const float* x, std::size_t n, float* y) {
  ForEach<L>(n, y, [&](auto load) { return L::RoundHalf(load(x)); });
}

template <typename L>
void RoundBFloat(const float* x, std::size_t n, float* y) {
  ForEach<L>(n, y, [&](auto load) { return L::RoundBFloat(load(x)); });
}

template <typename L>
void Add(const float* x, const float* y, std::size_t n, float* out) {
  ForEach<L>(n, out, [&](auto load) { return L::Add(load(x), load(y)); });
}

template <typename L>
void SiluMul(const float* gate, const float* up, std::size_t n, float* y) {
  ForEach<L>(n, y, [&](auto load) { return L::Mul(Silu<L>(load(gate)), load(up)); });
}

// g = min(gate, limit), u = clamp(up, -limit, limit): g / (1 + exp(-alpha g)) * (u + 1).
template <typename L>
void ClampedSwigluMul(const float* gate, const float* up, std::size_t n, float* y) {
  const auto limit = L::Set(7.0f), one = L::Set(1.0f);
  ForEach<L>(n, y, [&](auto load) {
    const auto g = L::Min(load(gate), limit);
    const auto u = L::Max(L::Min(load(up), limit), L::Neg(limit));
    const auto swish = L::Div(g, L::Add(one, Exp<L>(L::Neg(L::Mul(L::Set(1.702f), g)))));
    return L::Mul(swish, L::Add(u, one));
  });
}

template <typename L>
void GeluMul(const float* gate, const float* up, std::size_t n, float* y) {
  ForEach<L>(n, y, [&](auto load) { return L::Mul(Gelu<L>(load(gate)), load(up)); });
}

template <typename L>
void Scale(const float* x, float factor, std::size_t n, float* y) {
  ForEach<L>(n, y, [&](auto load) { return L::Mul(load(x), L::Set(factor)); });
}

template <typename L>
void AddScaled(float factor, const float* x, std::size_t n, float* out) {
  ForEach<L>(n, out, [&](auto load) { return L::Fma(L::Set(factor), load(x), load(out)); });
}

template <typename L>
void Softcap(const float* x, float cap, std::size_t n, float* y) {
  ForEach<L>(n, y,
             [&](auto load) { return L::Mul(L::Set(cap), Tanh<L>(L::Div(load(x), L::Set(cap)))); });
}

template <typename L>
void RopeHalves(float* head, const float* cosine, const float* sine, std::size_t rotary) {
  const std::size_t half = rotary / 2;
  std::size_t i = 0;
  for (; i + 16 <= half; i += 16) {
    const auto a = L::Load(head + i), b = L::Load(head + half + i);
    L::Store(head + i, L::Fma(a, L::Load(cosine + i), L::Mul(b, L::Load(sine + i))));
    L::Store(head + half + i,
             L::Fma(b, L::Load(cosine + half + i), L::Mul(a, L::Load(sine + half + i))));
  }
  if (i < half) {
    const std::size_t n = half - i;
    const auto part = [n](const float* p) { return L::LoadPart(p, n); };
    const auto a = part(head + i), b = part(head + half + i);
    L::StorePart(head + i, L::Fma(a, part(cosine + i), L::Mul(b, part(sine + i))), n);
    L::StorePart(head + half + i,
                 L::Fma(b, part(cosine + half + i), L::Mul(a, part(sine + half + i))), n);
  }
}

template <typename L>
void Rope(float* head, const float* cosine, const float* sine, std::size_t rotary) {
  ForEach<L>(rotary, head, [&](auto load) {
    const auto x = load(head);
    return L::Fma(x, load(cosine), L::Mul(L::SwapPairs(x), load(sine)));
  });
}

template <typename L>
void Normalise(const float* acc, float sum, std::size_t n, float* out) {
  const auto inverse = L::Set(1.0f / sum);
  ForEach<L>(n, out, [&](auto load) { return L::Mul(load(acc), inverse); });
}

}  // namespace millrace::kernels

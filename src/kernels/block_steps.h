// What one block of 32 columns of 16 rows adds to the sums, format by format (docs/numerics.md,
// "Linear"), for any lanes.
//
// The weights of a block are unpacked once and used for T tokens. Formats that differ only in where
// their scales come from share a step.
#pragma once

#include "kernels/packed_matrix.h"
#include "numerics/activation.h"
#include "numerics/blocks.h"

namespace millrace::kernels {

template <typename L, int T>
using Blocks = const ActivationBlock* const (&)[T];

// A block of a tile (packed_matrix.h): the head of its group, its number in the group, its weights.
struct BlockAt {
  const std::byte* head;
  std::size_t number;
  const std::byte* weights;

  const std::uint16_t* halves(std::size_t index) const {  // [16 rows]
    return reinterpret_cast<const std::uint16_t*>(head + index * 32);
  }
  const std::byte* scales(std::size_t index) const { return head + 64 + index * kTileRows; }
};

// acc += scale * d * dot, the step that all quantised formats share.
template <typename L, int T>
inline void Accumulate(typename L::F scale, Blocks<L, T> x, const typename L::I (&dot)[T],
                       typename L::F (&acc)[T]) {
  for (int t = 0; t < T; ++t) {
    acc[t] = L::Fma(L::Mul(scale, L::Set(x[t]->d)), L::ToFloat(dot[t]), acc[t]);
  }
}

// acc += min * d * (sum of q), min being what the format adds to each weight.
template <typename L, int T>
inline void AccumulateMinimum(typename L::F min, Blocks<L, T> x, typename L::F (&acc)[T]) {
  for (int t = 0; t < T; ++t) {
    acc[t] = L::Fma(L::Mul(min, L::Set(x[t]->d)), L::Set(static_cast<float>(x[t]->sum)), acc[t]);
  }
}

constexpr bool HasFiveBits(DType dtype) {
  return dtype == DType::kQ5_0 || dtype == DType::kQ5_1 || dtype == DType::kQ5_K;
}

// dot[t] += the products with weights 0..15 or 0..31.
template <typename L, DType kDType, int T>
inline void DotUnsigned(const std::byte* weights, Blocks<L, T> x, typename L::I (&dot)[T]) {
  if constexpr (HasFiveBits(kDType)) {
    L::template DotFiveBits<T>(weights, weights + 256, x, dot);
  } else {
    L::template DotNibbles<T>(weights, x, dot);
  }
}

template <typename L, DType kDType>
struct BlockStep;

template <typename L>
struct BlockStep<L, DType::kQ8_0> {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
    L::template DotBytes<T>(block.weights, x, dot);
    Accumulate<L, T>(L::LoadHalf(block.halves(block.number)), x, dot, acc);
  }
};

// Q4_0, Q5_0: d * (value - kOffset).
template <typename L, DType kDType>
struct OffsetStep {
  static constexpr std::int32_t kOffset = HasFiveBits(kDType) ? 16 : 8;

  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::SetInt(-kOffset * x[t]->sum);
    DotUnsigned<L, kDType, T>(block.weights, x, dot);
    Accumulate<L, T>(L::LoadHalf(block.halves(block.number)), x, dot, acc);
  }
};
template <typename L>
struct BlockStep<L, DType::kQ4_0> : OffsetStep<L, DType::kQ4_0> {};
template <typename L>
struct BlockStep<L, DType::kQ5_0> : OffsetStep<L, DType::kQ5_0> {};

// Q4_1, Q5_1: d * value + m.
template <typename L, DType kDType>
struct LeastStep {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
    DotUnsigned<L, kDType, T>(block.weights, x, dot);
    Accumulate<L, T>(L::LoadHalf(block.halves(0)), x, dot, acc);
    AccumulateMinimum<L, T>(L::LoadHalf(block.halves(1)), x, acc);
  }
};
template <typename L>
struct BlockStep<L, DType::kQ4_1> : LeastStep<L, DType::kQ4_1> {};
template <typename L>
struct BlockStep<L, DType::kQ5_1> : LeastStep<L, DType::kQ5_1> {};

// Q4_K, Q5_K: d * scale * value - dmin * min.
template <typename L, DType kDType>
struct ScaleMinStep {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    const auto* scales = reinterpret_cast<const std::uint8_t*>(block.scales(2 * block.number));
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
    DotUnsigned<L, kDType, T>(block.weights, x, dot);
    Accumulate<L, T>(L::Mul(L::LoadHalf(block.halves(0)), L::LoadUInt8(scales)), x, dot, acc);
    const auto min = L::Mul(L::LoadHalf(block.halves(1)), L::LoadUInt8(scales + kTileRows));
    AccumulateMinimum<L, T>(L::Neg(min), x, acc);
  }
};
template <typename L>
struct BlockStep<L, DType::kQ4_K> : ScaleMinStep<L, DType::kQ4_K> {};
template <typename L>
struct BlockStep<L, DType::kQ5_K> : ScaleMinStep<L, DType::kQ5_K> {};

template <typename L>
struct BlockStep<L, DType::kIQ4_NL> {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
    L::template DotCodebook<kCodebookIQ4, T>(block.weights, x, dot);
    Accumulate<L, T>(L::LoadHalf(block.halves(block.number)), x, dot, acc);
  }
};

template <typename L>
struct BlockStep<L, DType::kIQ4_XS> {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    const auto* scales = reinterpret_cast<const std::int8_t*>(block.scales(block.number));
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
    L::template DotCodebook<kCodebookIQ4, T>(block.weights, x, dot);
    Accumulate<L, T>(L::Mul(L::LoadHalf(block.halves(0)), L::LoadInt8(scales)), x, dot, acc);
  }
};

template <typename L>
struct BlockStep<L, DType::kMXFP4> {
  // 2^(e - 128) as the product of two powers that are no denormals, which it may be itself.
  static typename L::F Scale(const std::byte* exponents) {
    const auto e = L::LoadUInt8Int(reinterpret_cast<const std::uint8_t*>(exponents));
    const auto half = L::HalfInt(e), bias = L::SetInt(64);
    return L::Mul(L::PowerOfTwo(L::SubInt(half, bias)),
                  L::PowerOfTwo(L::SubInt(L::SubInt(e, half), bias)));
  }

  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    typename L::I dot[T];
    for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
    L::template DotCodebook<kCodebookMXFP4, T>(block.weights, x, dot);
    Accumulate<L, T>(Scale(block.head + block.number * kTileRows), x, dot, acc);
  }
};

// The three formats of 16-wide sub-blocks: the sums of the two halves meet as integers.
template <typename L, int T>
inline void Combine(typename L::I scale_first, typename L::I scale_second,
                    typename L::I (&first)[T], const typename L::I (&second)[T]) {
  for (int t = 0; t < T; ++t) {
    first[t] = L::AddInt(L::MulInt(first[t], scale_first), L::MulInt(second[t], scale_second));
  }
}

template <typename L>
struct BlockStep<L, DType::kQ6_K> {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    const auto* scales = reinterpret_cast<const std::int8_t*>(block.scales(2 * block.number));
    typename L::I first[T], second[T];
    for (int t = 0; t < T; ++t) {
      first[t] = L::SetInt(-32 * x[t]->half_sum[0]);  // the weights are six bits - 32
      second[t] = L::SetInt(-32 * x[t]->half_sum[1]);
    }
    L::template DotSixBits<T>(block.weights, block.weights + 256, x, first, second);
    Combine<L, T>(L::LoadInt8Int(scales), L::LoadInt8Int(scales + kTileRows), first, second);
    Accumulate<L, T>(L::LoadHalf(block.halves(0)), x, first, acc);
  }
};

template <typename L>
struct BlockStep<L, DType::kQ3_K> {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    typename L::I first[T], second[T];
    for (int t = 0; t < T; ++t) {
      first[t] = L::SetInt(-4 * x[t]->half_sum[0]);  // the weights are three bits - 4
      second[t] = L::SetInt(-4 * x[t]->half_sum[1]);
    }
    L::template DotThreeBits<T>(block.weights, block.weights + 128, x, first, second);
    // The scales are six bits - 32: a nibble each, and two bits each on top.
    const auto nibbles =
        L::LoadUInt8Int(reinterpret_cast<const std::uint8_t*>(block.scales(4 + block.number)));
    const auto tops =
        L::ShiftRightInt(L::LoadInt(reinterpret_cast<const std::int32_t*>(block.scales(0))),
                         static_cast<int>(4 * block.number));
    const auto scale = [&](typename L::I low, typename L::I top) {
      const auto sixteens = L::MulInt(L::AndInt(top, 3), L::SetInt(16));
      return L::SubInt(L::AddInt(low, sixteens), L::SetInt(32));
    };
    Combine<L, T>(scale(L::AndInt(nibbles, 15), tops),
                  scale(L::ShiftRightInt(nibbles, 4), L::ShiftRightInt(tops, 2)), first, second);
    Accumulate<L, T>(L::LoadHalf(block.halves(0)), x, first, acc);
  }
};

template <typename L>
struct BlockStep<L, DType::kQ2_K> {
  template <int T>
  static void Add(BlockAt block, Blocks<L, T> x, typename L::F (&acc)[T]) {
    const auto* scales = reinterpret_cast<const std::uint8_t*>(block.scales(2 * block.number));
    const auto of_first = L::LoadUInt8Int(scales), of_second = L::LoadUInt8Int(scales + kTileRows);
    typename L::I first[T], second[T];
    for (int t = 0; t < T; ++t) first[t] = second[t] = L::ZeroInt();
    L::template DotTwoBits<T>(block.weights, x, first, second);
    Combine<L, T>(L::AndInt(of_first, 15), L::AndInt(of_second, 15), first, second);
    Accumulate<L, T>(L::LoadHalf(block.halves(0)), x, first, acc);

    for (int t = 0; t < T; ++t) {
      first[t] = L::SetInt(x[t]->half_sum[0]);
      second[t] = L::SetInt(x[t]->half_sum[1]);
    }
    Combine<L, T>(L::ShiftRightInt(of_first, 4), L::ShiftRightInt(of_second, 4), first, second);
    Accumulate<L, T>(L::Neg(L::LoadHalf(block.halves(1))), x, first, acc);
  }
};

}  // namespace millrace::kernels

// Matrix times vectors over packed tiles, for any lanes: one template a format, one driver for all.
//
// A tile kernel computes 16 rows for T tokens: the weights of a block are loaded once and used T
// times. Each lane follows the contract: ascending over the blocks, one fma each (two where the
// format has a minimum).
#pragma once

#include "kernels/kernel_table.h"

namespace millrace::kernels {

template <typename L, int T>
using Blocks = const ActivationBlock* const (&)[T];

// acc += scale * d * dot, the step that all quantised formats share.
template <typename L, int T>
inline void Accumulate(typename L::F scale, Blocks<L, T> x, const typename L::I (&dot)[T],
                       typename L::F (&acc)[T]) {
  for (int t = 0; t < T; ++t) {
    acc[t] = L::Fma(L::Mul(scale, L::Set(x[t]->d)), L::ToFloat(dot[t]), acc[t]);
  }
}

// How far ahead of their use a decode step asks for weights, where the plan wants that
// (PackedMatrix::prefetch). Past the end of the weights it is a hint without effect.
inline constexpr std::size_t kPrefetchBytes = 8192;

template <bool kPrefetch>
inline void PrefetchAhead(const std::byte* p, std::size_t bytes) {
  if constexpr (kPrefetch) {
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(p + kPrefetchBytes + at);
  }
}

inline const std::uint16_t* Halves(const std::byte* p) {
  return reinterpret_cast<const std::uint16_t*>(p);
}

template <typename L>
struct TileQ8_0 {
  template <int T, bool kPrefetch>
  static void Run(const PackedMatrix& w, const std::byte* tile, const LinearInput& x,
                  std::size_t token, typename L::F (&acc)[T]) {
    const std::size_t blocks = w.columns / 32;
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::byte* pair = tile + b / 2 * (64 + 1024);
      PrefetchAhead<kPrefetch>(pair + b % 2 * 544, 544);
      const ActivationBlock* at[T];
      for (int t = 0; t < T; ++t)
        at[t] = x.blocks + (token + static_cast<std::size_t>(t)) * x.block_stride + b;
      typename L::I dot[T];
      for (int t = 0; t < T; ++t) dot[t] = L::ZeroInt();
      L::template DotBytes<T>(pair + 64 + b % 2 * 512, at, dot);
      Accumulate<L, T>(L::LoadHalf(Halves(pair + b % 2 * 32)), at, dot, acc);
    }
  }
};

template <typename L>
struct TileQ4_0 {
  template <int T, bool kPrefetch>
  static void Run(const PackedMatrix& w, const std::byte* tile, const LinearInput& x,
                  std::size_t token, typename L::F (&acc)[T]) {
    const std::size_t blocks = w.columns / 32;
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::byte* pair = tile + b / 2 * (64 + 512);
      PrefetchAhead<kPrefetch>(pair + b % 2 * 288, 288);
      const ActivationBlock* at[T];
      typename L::I dot[T];
      for (int t = 0; t < T; ++t) {
        at[t] = x.blocks + (token + static_cast<std::size_t>(t)) * x.block_stride + b;
        dot[t] = L::SetInt(-8 * at[t]->sum);  // the weights are nibble - 8
      }
      L::template DotNibbles<T>(pair + 64 + b % 2 * 256, at, dot);
      Accumulate<L, T>(L::LoadHalf(Halves(pair + b % 2 * 32)), at, dot, acc);
    }
  }
};

template <typename L>
struct TileQ4_K {
  template <int T, bool kPrefetch>
  static void Run(const PackedMatrix& w, const std::byte* tile, const LinearInput& x,
                  std::size_t token, typename L::F (&acc)[T]) {
    for (std::size_t b = 0; b < w.columns / 32; ++b) {
      const std::byte* super = tile + b / 8 * (64 + 256 + 8 * 256);
      const auto* scales = reinterpret_cast<const std::uint8_t*>(super + 64 + b % 8 * 32);
      PrefetchAhead<kPrefetch>(super + b % 8 * 296, 296);
      const ActivationBlock* at[T];
      typename L::I dot[T];
      for (int t = 0; t < T; ++t) {
        at[t] = x.blocks + (token + static_cast<std::size_t>(t)) * x.block_stride + b;
        dot[t] = L::ZeroInt();
      }
      L::template DotNibbles<T>(super + 64 + 256 + b % 8 * 256, at, dot);
      Accumulate<L, T>(L::Mul(L::LoadHalf(Halves(super)), L::LoadUInt8(scales)), at, dot, acc);
      const auto min = L::Mul(L::LoadHalf(Halves(super + 32)), L::LoadUInt8(scales + 16));
      for (int t = 0; t < T; ++t) {
        acc[t] = L::Fma(L::Neg(L::Mul(min, L::Set(at[t]->d))),
                        L::Set(static_cast<float>(at[t]->sum)), acc[t]);
      }
    }
  }
};

template <typename L>
struct TileQ6_K {
  template <int T, bool kPrefetch>
  static void Run(const PackedMatrix& w, const std::byte* tile, const LinearInput& x,
                  std::size_t token, typename L::F (&acc)[T]) {
    for (std::size_t b = 0; b < w.columns / 32; ++b) {
      const std::byte* super = tile + b / 8 * (64 + 256 + 8 * 384);
      const std::byte* low = super + 64 + 256 + b % 8 * 384;
      const auto* scales = reinterpret_cast<const std::int8_t*>(super + 64 + b % 8 * 32);
      PrefetchAhead<kPrefetch>(super + b % 8 * 424, 424);
      const ActivationBlock* at[T];
      typename L::I first[T], second[T];
      for (int t = 0; t < T; ++t) {
        at[t] = x.blocks + (token + static_cast<std::size_t>(t)) * x.block_stride + b;
        first[t] = L::SetInt(-32 * at[t]->half_sum[0]);  // the weights are six bits - 32
        second[t] = L::SetInt(-32 * at[t]->half_sum[1]);
      }
      L::template DotSixBits<T>(low, low + 256, at, first, second);
      const auto scale_first = L::LoadInt8Int(scales), scale_second = L::LoadInt8Int(scales + 16);
      for (int t = 0; t < T; ++t) {
        first[t] = L::AddInt(L::MulInt(first[t], scale_first), L::MulInt(second[t], scale_second));
      }
      Accumulate<L, T>(L::LoadHalf(Halves(super)), at, first, acc);
    }
  }
};

template <typename L, DType kDType>
struct TileFloat {
  // 16 weights of one column as binary32.
  static typename L::F Weights(const std::byte* tile, std::size_t column) {
    if constexpr (kDType == DType::kF32) {
      return L::Load(reinterpret_cast<const float*>(tile + column * 64));
    } else if constexpr (kDType == DType::kF16) {
      return L::LoadHalf(Halves(tile + column * 32));
    } else {
      return L::LoadBFloat(Halves(tile + column * 32));
    }
  }

  template <int T, bool kPrefetch>
  static void Run(const PackedMatrix& w, const std::byte* tile, const LinearInput& x,
                  std::size_t token, typename L::F (&acc)[T]) {
    const float* values = x.values + token * x.value_stride;
    for (std::size_t k = 0; k < w.columns; ++k) {
      const auto weights = Weights(tile, k);
      for (int t = 0; t < T; ++t) {
        acc[t] = L::Fma(weights, L::Set(values[static_cast<std::size_t>(t) * x.value_stride + k]),
                        acc[t]);
      }
    }
  }
};

template <typename L, typename Tile, int T, bool kPrefetch = false>
inline void RunTile(const PackedMatrix& w, const std::byte* tile, std::size_t row,
                    const LinearInput& x, std::size_t token, float* y, std::size_t y_stride) {
  typename L::F acc[T];
  for (int t = 0; t < T; ++t) acc[t] = L::Zero();
  Tile::template Run<T, kPrefetch>(w, tile, x, token, acc);
  for (int t = 0; t < T; ++t)
    L::Store(y + (token + static_cast<std::size_t>(t)) * y_stride + row, acc[t]);
}

// Tiles of a panel stay in the second-level cache while all tokens pass over them.
inline constexpr std::size_t kPanelBytes = 256 * 1024;

template <typename L, typename Tile>
void LinearWith(const PackedMatrix& w, std::size_t tile_begin, std::size_t tile_end,
                const LinearInput& x, std::size_t tokens, float* y, std::size_t y_stride) {
  const std::size_t tile_bytes = w.tile_bytes();
  const std::byte* data = w.data;
  if (tokens == 1) {
    const auto run = [&]<bool kPrefetch>() {
      for (std::size_t i = tile_begin; i < tile_end; ++i) {
        RunTile<L, Tile, 1, kPrefetch>(w, data + i * tile_bytes, (i - tile_begin) * kTileRows, x, 0,
                                       y, y_stride);
      }
    };
    return w.prefetch ? run.template operator()<true>() : run.template operator()<false>();
  }
  const std::size_t panel = tile_bytes < kPanelBytes ? kPanelBytes / tile_bytes : 1;
  for (std::size_t begin = tile_begin; begin < tile_end; begin += panel) {
    const std::size_t end = begin + panel < tile_end ? begin + panel : tile_end;
    std::size_t token = 0;
    const auto run = [&]<int T>() {
      for (; token + T <= tokens; token += T) {
        for (std::size_t i = begin; i < end; ++i) {
          RunTile<L, Tile, T>(w, data + i * tile_bytes, (i - tile_begin) * kTileRows, x, token, y,
                              y_stride);
        }
      }
    };
    if constexpr (L::kTokens >= 8) run.template operator()<8>();
    if constexpr (L::kTokens >= 4) run.template operator()<4>();
    if constexpr (L::kTokens >= 2) run.template operator()<2>();
    run.template operator()<1>();
  }
}

template <typename L>
void Linear(const PackedMatrix& w, std::size_t tile_begin, std::size_t tile_end,
            const LinearInput& x, std::size_t tokens, float* y, std::size_t y_stride) {
  switch (w.dtype) {
    case DType::kQ8_0:
      return LinearWith<L, TileQ8_0<L>>(w, tile_begin, tile_end, x, tokens, y, y_stride);
    case DType::kQ4_0:
      return LinearWith<L, TileQ4_0<L>>(w, tile_begin, tile_end, x, tokens, y, y_stride);
    case DType::kQ4_K:
      return LinearWith<L, TileQ4_K<L>>(w, tile_begin, tile_end, x, tokens, y, y_stride);
    case DType::kQ6_K:
      return LinearWith<L, TileQ6_K<L>>(w, tile_begin, tile_end, x, tokens, y, y_stride);
    case DType::kF32:
      return LinearWith<L, TileFloat<L, DType::kF32>>(w, tile_begin, tile_end, x, tokens, y,
                                                      y_stride);
    case DType::kF16:
      return LinearWith<L, TileFloat<L, DType::kF16>>(w, tile_begin, tile_end, x, tokens, y,
                                                      y_stride);
    case DType::kBF16:
      return LinearWith<L, TileFloat<L, DType::kBF16>>(w, tile_begin, tile_end, x, tokens, y,
                                                       y_stride);
  }
}

}  // namespace millrace::kernels

// Matrix times vectors over packed tiles, for any lanes: one driver for all formats (what a format
// does with a block is in block_steps.h).
//
// A tile kernel computes 16 rows for T tokens: the weights of a block are loaded once and used T
// times. Each lane follows the contract: ascending over the blocks, one fma each (two where the
// format has a minimum).
#pragma once

#include "kernels/block_steps.h"
#include "kernels/kernel_table.h"

namespace millrace::kernels {

// How far ahead of their use a decode step asks for weights, where the plan wants that
// (PackedMatrix::prefetch). Past the end of the weights it is a hint without effect.
inline constexpr std::size_t kPrefetchBytes = 8192;

template <bool kPrefetch>
inline void PrefetchAhead(const std::byte* p, std::size_t bytes) {
  if constexpr (kPrefetch) {
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(p + kPrefetchBytes + at);
  }
}

// The quantised types: block after block, each by the step of its format.
template <typename L, DType kDType>
struct TileBlocks {
  template <int T, bool kPrefetch>
  static void Run(const PackedMatrix& w, const std::byte* tile, const LinearInput& x,
                  std::size_t token, typename L::F (&acc)[T]) {
    constexpr TileLayout kLayout = LayoutOf(kDType);
    constexpr std::size_t kShare = kLayout.group_bytes() / kLayout.blocks;  // of a block
    for (std::size_t b = 0; b < w.columns / 32; ++b) {
      const std::byte* head = tile + b / kLayout.blocks * kLayout.group_bytes();
      const std::size_t number = b % kLayout.blocks;
      PrefetchAhead<kPrefetch>(head + number * kShare, kShare);
      const ActivationBlock* at[T];
      for (int t = 0; t < T; ++t)
        at[t] = x.blocks + (token + static_cast<std::size_t>(t)) * x.block_stride + b;
      BlockStep<L, kDType>::template Add<T>(
          {head, number, head + kLayout.head_bytes + number * kLayout.block_bytes}, at, acc);
    }
  }
};

inline const std::uint16_t* Halves(const std::byte* p) {
  return reinterpret_cast<const std::uint16_t*>(p);
}

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
  for (int t = 0; t < T; ++t) {
    acc[t] = x.continues ? L::Load(y + (token + static_cast<std::size_t>(t)) * y_stride + row)
                         : L::Zero();
  }
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
  const auto blocks = [&]<DType kDType>() {
    LinearWith<L, TileBlocks<L, kDType>>(w, tile_begin, tile_end, x, tokens, y, y_stride);
  };
  const auto floats = [&]<DType kDType>() {
    LinearWith<L, TileFloat<L, kDType>>(w, tile_begin, tile_end, x, tokens, y, y_stride);
  };
  switch (w.dtype) {
    case DType::kQ8_0:
      return blocks.template operator()<DType::kQ8_0>();
    case DType::kQ4_0:
      return blocks.template operator()<DType::kQ4_0>();
    case DType::kQ4_1:
      return blocks.template operator()<DType::kQ4_1>();
    case DType::kQ5_0:
      return blocks.template operator()<DType::kQ5_0>();
    case DType::kQ5_1:
      return blocks.template operator()<DType::kQ5_1>();
    case DType::kIQ4_NL:
      return blocks.template operator()<DType::kIQ4_NL>();
    case DType::kMXFP4:
      return blocks.template operator()<DType::kMXFP4>();
    case DType::kQ2_K:
      return blocks.template operator()<DType::kQ2_K>();
    case DType::kQ3_K:
      return blocks.template operator()<DType::kQ3_K>();
    case DType::kQ4_K:
      return blocks.template operator()<DType::kQ4_K>();
    case DType::kQ5_K:
      return blocks.template operator()<DType::kQ5_K>();
    case DType::kQ6_K:
      return blocks.template operator()<DType::kQ6_K>();
    case DType::kIQ4_XS:
      return blocks.template operator()<DType::kIQ4_XS>();
    case DType::kF32:
      return floats.template operator()<DType::kF32>();
    case DType::kF16:
      return floats.template operator()<DType::kF16>();
    case DType::kBF16:
      return floats.template operator()<DType::kBF16>();
  }
}

}  // namespace millrace::kernels

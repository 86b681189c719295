// A KV cache of Q8_0 blocks, for any lanes: its layout, its scores and its sums of values.
//
// Keys are laid out as packed weights are (packed_matrix.h), sixteen positions in the place of
// sixteen rows, so a score is the integer product of a quantised linear operation. Values lie
// straight; a probability is multiplied with a position's scale before it weighs the bytes.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vectors.h"
#include "kernels/visible_range.h"

namespace millrace::kernels {

template <typename L>
struct CacheQ8 {
  using F = typename L::F;
  using I = typename L::I;

  static constexpr std::size_t kKeyTile = 64 + 512;  // scales and bytes of 16 positions, 32 dims
  static constexpr std::size_t kScaleRow = kKvBlock * sizeof(float);  // of one block of a value

  static F RoundProbability(F p) { return p; }

  static std::size_t Blocks(std::size_t dim) { return (dim + 31) / 32; }
  static std::size_t QueryBytes(std::size_t head_dim) {
    return Blocks(head_dim) * sizeof(ActivationBlock);
  }
  static std::size_t KeyBlockBytes(std::size_t head_dim) {
    return kKvBlock / 16 * Blocks(head_dim) * kKeyTile;
  }
  static std::size_t ValueBlockBytes(std::size_t value_dim) {
    return Blocks(value_dim) * kScaleRow + kKvBlock * PaddedHeadDim(value_dim);
  }

  static void PrepareQuery(const float* query, float scale, std::size_t queries,
                           std::size_t head_dim, std::byte* out) {
    for (std::size_t i = 0; i < queries; ++i) {
      QuantiseHead(query + i * head_dim, scale, head_dim,
                   reinterpret_cast<ActivationBlock*>(out + i * QueryBytes(head_dim)));
    }
  }

  static void Store(const float* key, std::size_t head_dim, const float* value,
                    std::size_t value_dim, std::size_t slot, std::byte* keys, std::byte* values) {
    StoreKey(key, head_dim, slot, keys);
    const std::size_t padded = PaddedHeadDim(value_dim);
    auto* scales = reinterpret_cast<float*>(values) + slot;
    std::byte* bytes = values + Blocks(value_dim) * kScaleRow + slot * padded;
    ForEachBlock(value, value_dim, [&](std::size_t b, const ActivationBlock& block) {
      scales[b * kKvBlock] = block.d;
      __builtin_memcpy(bytes + b * 32, block.q, padded - b * 32 < 32 ? padded - b * 32 : 32);
    });
  }

  template <int Q, int V>
  static void Scores(const AttentionBlock& block, std::size_t query, float* out) {
    const std::size_t blocks = Blocks(block.head_dim);
    const ActivationBlock* at[Q];
    for (int v = 0; v < V; ++v) {
      F acc[Q];
      for (int i = 0; i < Q; ++i) acc[i] = L::Zero();
      for (std::size_t b = 0; b < blocks; ++b) {
        const std::byte* tile = block.keys + (static_cast<std::size_t>(v) * blocks + b) * kKeyTile;
        I dot[Q];
        for (int i = 0; i < Q; ++i) {
          at[i] = reinterpret_cast<const ActivationBlock*>(block.query +
                                                           (query + static_cast<std::size_t>(i)) *
                                                               QueryBytes(block.head_dim)) +
                  b;
          dot[i] = L::ZeroInt();
        }
        L::template DotBytes<Q>(tile + 64, at, dot);
        const F scale = L::Load(reinterpret_cast<const float*>(tile));
        for (int i = 0; i < Q; ++i) {
          acc[i] = L::Fma(L::Mul(scale, L::Set(at[i]->d)), L::ToFloat(dot[i]), acc[i]);
        }
      }
      for (int i = 0; i < Q; ++i) {
        L::Store(out + static_cast<std::size_t>(i) * kKvBlock + static_cast<std::size_t>(v) * 16,
                 acc[i]);
      }
    }
  }

  template <int Q>
  static void Values(const AttentionBlock& block, const AttentionState& state, std::size_t query,
                     const float* corrections) {
    const std::size_t vectors = PaddedHeadDim(block.value_dim) / 16;
    const PositionRange outer = Outer<Q>(block, query);
    alignas(64) float weights[Q][kKvBlock];
    for (std::size_t v = 0; v < vectors; v += 2) {
      const float* scales = reinterpret_cast<const float*>(block.values + v / 2 * kScaleRow);
      for (int i = 0; i < Q; ++i) {
        const float* p = state.probabilities + (query + static_cast<std::size_t>(i)) * kKvBlock;
        for (std::size_t pos = outer.begin / 16 * 16; pos < outer.end; pos += 16) {
          L::Store(weights[i] + pos, L::Mul(L::Load(p + pos), L::Load(scales + pos)));
        }
      }
      if (v + 1 < vectors) {
        ValueColumns<Q, 2>(block, state, query, v, weights, corrections);
      } else {
        ValueColumns<Q, 1>(block, state, query, v, weights, corrections);
      }
    }
  }

 private:
  template <typename Function>
  static void ForEachBlock(const float* x, std::size_t dim, Function function) {
    ActivationBlock block;
    for (std::size_t b = 0; b < Blocks(dim); ++b) {
      if (dim - b * 32 >= 32) {
        Quantise<L>(x + b * 32, 32, &block);
      } else {
        alignas(64) float last[32] = {};
        __builtin_memcpy(last, x + b * 32, (dim - b * 32) * sizeof(float));
        Quantise<L>(last, 32, &block);
      }
      function(b, block);
    }
  }

  static void QuantiseHead(const float* x, float scale, std::size_t dim, ActivationBlock* out) {
    for (std::size_t b = 0; b < Blocks(dim); ++b) {
      const std::size_t count = dim - b * 32 < 32 ? dim - b * 32 : 32;
      alignas(64) float scaled[32] = {};
      for (std::size_t i = 0; i < count; ++i) scaled[i] = x[b * 32 + i] * scale;
      Quantise<L>(scaled, 32, out + b);
    }
  }

  static void StoreKey(const float* key, std::size_t head_dim, std::size_t slot, std::byte* keys) {
    constexpr std::uint32_t kOffset = L::kByteForm == ByteForm::kOffset ? 0x80808080u : 0;
    std::byte* group = keys + slot / 16 * Blocks(head_dim) * kKeyTile;
    ForEachBlock(key, head_dim, [&](std::size_t b, const ActivationBlock& block) {
      std::byte* tile = group + b * kKeyTile;
      __builtin_memcpy(tile + slot % 16 * sizeof(float), &block.d, sizeof(float));
      for (std::size_t g = 0; g < 8; ++g) {
        std::uint32_t word;
        __builtin_memcpy(&word, block.q + 4 * g, sizeof(word));
        word ^= kOffset;
        __builtin_memcpy(tile + 64 + g * 64 + slot % 16 * 4, &word, sizeof(word));
      }
    });
  }

  template <int Q, int V>
  static void ValueColumns(const AttentionBlock& block, const AttentionState& state,
                           std::size_t query, std::size_t vector,
                           const float (&weights)[Q][kKvBlock], const float* corrections) {
    const std::size_t padded = PaddedHeadDim(block.value_dim);
    const auto* bytes =
        reinterpret_cast<const std::int8_t*>(block.values + Blocks(block.value_dim) * kScaleRow) +
        vector * 16;
    float* out = state.acc + query * padded + vector * 16;
    F acc[Q][V];
    for (int i = 0; i < Q; ++i) {
      for (int v = 0; v < V; ++v) {
        acc[i][v] = L::Mul(L::Load(out + static_cast<std::size_t>(i) * padded + v * 16),
                           L::Set(corrections[i]));
      }
    }
    const auto add = [&](int row, PositionRange range) {
      for (std::size_t pos = range.begin; pos < range.end; ++pos) {
        const F x = L::Set(weights[row][pos]);
        for (int v = 0; v < V; ++v) {
          acc[row][v] = L::Fma(x, L::LoadInt8(bytes + pos * padded + v * 16), acc[row][v]);
        }
      }
    };
    const PositionRange shared = Shared<Q>(block, query);
    for (int i = 0; i < Q; ++i) add(i, Before(block, query, i, shared));
    for (std::size_t pos = shared.begin; pos < shared.end; ++pos) {
      F w[V];
      for (int v = 0; v < V; ++v) w[v] = L::LoadInt8(bytes + pos * padded + v * 16);
      for (int i = 0; i < Q; ++i) {
        const F x = L::Set(weights[i][pos]);
        for (int v = 0; v < V; ++v) acc[i][v] = L::Fma(x, w[v], acc[i][v]);
      }
    }
    for (int i = 0; i < Q; ++i) {
      add(i, Behind(block, query, i, shared));
      for (int v = 0; v < V; ++v) {
        L::Store(out + static_cast<std::size_t>(i) * padded + v * 16, acc[i][v]);
      }
    }
  }
};

}  // namespace millrace::kernels

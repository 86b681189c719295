// A KV cache of F32 or F16 elements, for any lanes: its layout, its scores and its sums of values.
//
// Keys are transposed, so that a register holds 16 positions and the sum over the dimensions stays
// in its lane, ascending; values lie straight, so that a register holds 16 dimensions and the sum
// over the positions does.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vectors.h"
#include "kernels/visible_range.h"

namespace millrace::kernels {

template <typename L>
struct ElementF32 {
  using Type = float;
  static typename L::F Load(const Type* p) { return L::Load(p); }
  static typename L::F Round(typename L::F x) { return x; }
  static void StoreRow(Type* p, const float* x, std::size_t n) {
    ForEach<L>(n, p, [&](auto load) { return load(x); });
  }
};

template <typename L>
struct ElementF16 {
  using Type = std::uint16_t;
  static typename L::F Load(const Type* p) { return L::LoadHalf(p); }
  static typename L::F Round(typename L::F x) { return L::RoundHalf(x); }
  static void StoreRow(Type* p, const float* x, std::size_t n) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) L::StoreHalf(p + i, L::Load(x + i));
    if (i < n)
      L::StoreHalf(p + i, L::LoadPart(x + i, n - i));  // rows are padded to whole registers
  }
};

// Asks for row `index` of a matrix of rows of `bytes` bytes: the next thing to be read, while this
// one is computed. Only the first rows of a block ask.
inline void PrefetchRow(const std::byte* rows, std::size_t index, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(rows + index * bytes + at);
}

template <typename L, typename E>
struct CacheFloat {
  using F = typename L::F;
  using Element = typename E::Type;

  static F RoundProbability(F p) { return E::Round(p); }

  static std::size_t QueryBytes(std::size_t head_dim) { return head_dim * sizeof(float); }
  static std::size_t KeyBlockBytes(std::size_t head_dim) {
    return head_dim * kKvBlock * sizeof(Element);
  }
  static std::size_t ValueBlockBytes(std::size_t value_dim) {
    return PaddedHeadDim(value_dim) * kKvBlock * sizeof(Element);
  }

  static void PrepareQuery(const float* query, float scale, std::size_t queries,
                           std::size_t head_dim, std::byte* out) {
    ForEach<L>(queries * head_dim, reinterpret_cast<float*>(out),
               [&](auto load) { return E::Round(L::Mul(load(query), L::Set(scale))); });
  }

  static void Store(const float* key, std::size_t head_dim, const float* value,
                    std::size_t value_dim, std::size_t slot, std::byte* keys, std::byte* values) {
    alignas(64) Element row[16];
    auto* column = reinterpret_cast<Element*>(keys) + slot;
    for (std::size_t d = 0; d < head_dim; d += 16) {
      const std::size_t count = head_dim - d < 16 ? head_dim - d : 16;
      E::StoreRow(row, key + d, count);
      for (std::size_t i = 0; i < count; ++i) column[(d + i) * kKvBlock] = row[i];
    }
    E::StoreRow(reinterpret_cast<Element*>(values) + slot * PaddedHeadDim(value_dim), value,
                value_dim);
  }

  // Scores of Q query rows from `query` on against the first 16 * V positions of the block.
  template <int Q, int V>
  static void Scores(const AttentionBlock& block, std::size_t query, float* out) {
    const auto* keys = reinterpret_cast<const Element*>(block.keys);
    const float* q = reinterpret_cast<const float*>(block.query) + query * block.head_dim;
    F acc[Q][V];
    for (int i = 0; i < Q; ++i) {
      for (int v = 0; v < V; ++v) acc[i][v] = L::Zero();
    }
    for (std::size_t d = 0; d < block.head_dim; ++d) {
      if (query == 0) PrefetchRow(block.values, d, kKvBlock * sizeof(Element));
      F k[V];
      for (int v = 0; v < V; ++v) k[v] = E::Load(keys + d * kKvBlock + v * 16);
      for (int i = 0; i < Q; ++i) {
        const F x = L::Set(q[static_cast<std::size_t>(i) * block.head_dim + d]);
        for (int v = 0; v < V; ++v) acc[i][v] = L::Fma(x, k[v], acc[i][v]);
      }
    }
    for (int i = 0; i < Q; ++i) {
      for (int v = 0; v < V; ++v) {
        L::Store(out + static_cast<std::size_t>(i) * kKvBlock + static_cast<std::size_t>(v) * 16,
                 acc[i][v]);
      }
    }
  }

  // 16 V dimensions of the values, from register `vector` on, weighted by the probabilities of Q
  // query rows and added to acc * correction.
  template <int Q>
  static void Values(const AttentionBlock& block, const AttentionState& state, std::size_t query,
                     const float* corrections) {
    const std::size_t vectors = PaddedHeadDim(block.value_dim) / 16;
    std::size_t v = 0;
    for (; v + 4 <= vectors; v += 4) ValueColumns<Q, 4>(block, state, query, v, corrections);
    switch (vectors - v) {
      case 3:
        return ValueColumns<Q, 3>(block, state, query, v, corrections);
      case 2:
        return ValueColumns<Q, 2>(block, state, query, v, corrections);
      case 1:
        return ValueColumns<Q, 1>(block, state, query, v, corrections);
      default:
        return;
    }
  }

 private:
  template <int Q, int V>
  static void ValueColumns(const AttentionBlock& block, const AttentionState& state,
                           std::size_t query, std::size_t vector, const float* corrections) {
    const std::size_t padded = PaddedHeadDim(block.value_dim);
    const auto* values = reinterpret_cast<const Element*>(block.values) + vector * 16;
    const float* p = state.probabilities + query * kKvBlock;
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
        const F x = L::Set(p[static_cast<std::size_t>(row) * kKvBlock + pos]);
        for (int v = 0; v < V; ++v) {
          acc[row][v] = L::Fma(x, E::Load(values + pos * padded + v * 16), acc[row][v]);
        }
      }
    };
    // What all rows see is loaded once for all; what is before and behind that, row by row.
    const PositionRange shared = Shared<Q>(block, query);
    const bool ask = query == 0 && vector == 0 && block.next_keys != nullptr;
    for (int i = 0; i < Q; ++i) add(i, Before(block, query, i, shared));
    for (std::size_t pos = shared.begin; pos < shared.end; ++pos) {
      if (ask) PrefetchRow(block.next_keys, pos, block.head_dim * sizeof(Element));
      F w[V];
      for (int v = 0; v < V; ++v) w[v] = E::Load(values + pos * padded + v * 16);
      for (int i = 0; i < Q; ++i) {
        const F x = L::Set(p[static_cast<std::size_t>(i) * kKvBlock + pos]);
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

template <typename L>
using CacheF32 = CacheFloat<L, ElementF32<L>>;
template <typename L>
using CacheF16 = CacheFloat<L, ElementF16<L>>;

}  // namespace millrace::kernels

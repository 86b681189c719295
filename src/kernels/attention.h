// One KV block of attention against a number of query rows, for any lanes and cache type.
//
// Scores: lanes are positions, so the sum over the head dimension stays in its lane, ascending.
// Values: lanes are dimensions, so the sum over the positions stays in its lane, ascending. Query
// rows that share a key-value head share the loads of keys and values.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vectors.h"

namespace millrace::kernels {

template <typename L>
struct CacheF32 {
  using Element = float;
  static typename L::F Load(const Element* p) { return L::Load(p); }
  static typename L::F Round(typename L::F x) { return x; }
  static void StoreRow(Element* p, const float* x, std::size_t n) {
    ForEach<L>(n, p, [&](auto load) { return load(x); });
  }
};

template <typename L>
struct CacheF16 {
  using Element = std::uint16_t;
  static typename L::F Load(const Element* p) { return L::LoadHalf(p); }
  static typename L::F Round(typename L::F x) { return L::RoundHalf(x); }
  static void StoreRow(Element* p, const float* x, std::size_t n) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) L::StoreHalf(p + i, L::Load(x + i));
    if (i < n)
      L::StoreHalf(p + i, L::LoadPart(x + i, n - i));  // rows are padded to whole registers
  }
};

template <typename L, typename Cache>
void PrepareQuery(const float* query, float scale, std::size_t count, float* out) {
  ForEach<L>(count, out,
             [&](auto load) { return Cache::Round(L::Mul(load(query), L::Set(scale))); });
}

template <typename L, typename Cache>
void StoreKeyValue(const float* key, const float* value, std::size_t head_dim, std::size_t slot,
                   std::byte* keys, std::byte* values) {
  using Element = typename Cache::Element;
  alignas(64) Element row[16];
  auto* column = reinterpret_cast<Element*>(keys) + slot;
  for (std::size_t d = 0; d < head_dim; d += 16) {
    const std::size_t count = head_dim - d < 16 ? head_dim - d : 16;
    Cache::StoreRow(row, key + d, count);
    for (std::size_t i = 0; i < count; ++i) column[(d + i) * kKvBlock] = row[i];
  }
  Cache::StoreRow(reinterpret_cast<Element*>(values) + slot * PaddedHeadDim(head_dim), value,
                  head_dim);
}

// Asks for row `index` of a matrix of rows of `bytes` bytes: the next thing to be read, while this
// one is computed. Only the first rows of a block ask.
inline void PrefetchRow(const std::byte* rows, std::size_t index, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(rows + index * bytes + at);
}

// Scores of Q query rows against the first 16 * V positions of the block.
template <typename L, typename Cache, int Q, int V>
inline void Scores(const AttentionBlock& block, std::size_t query, float* out) {
  using F = typename L::F;
  const auto* keys = reinterpret_cast<const typename Cache::Element*>(block.keys);
  const float* q = block.query + query * block.head_dim;
  F acc[Q][V];
  for (int i = 0; i < Q; ++i) {
    for (int v = 0; v < V; ++v) acc[i][v] = L::Zero();
  }
  for (std::size_t d = 0; d < block.head_dim; ++d) {
    if (query == 0) PrefetchRow(block.values, d, kKvBlock * sizeof(typename Cache::Element));
    F k[V];
    for (int v = 0; v < V; ++v) k[v] = Cache::Load(keys + d * kKvBlock + v * 16);
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

// Turns the scores of one row into probabilities and updates its maximum and sum. Returns the
// factor by which the accumulated values shrink. Registers of positions that do not exist are left
// alone: their probabilities would be 0, and adding 0 changes no bit.
template <typename L, typename Cache>
inline float Softmax(float* p, std::size_t count, bool first, float& max, float& sum) {
  const std::size_t end = (count + 15) / 16 * 16;
  for (std::size_t i = count; i < end; ++i) p[i] = -__builtin_inff();  // becomes exactly 0
  auto largest = L::Load(p);
  for (std::size_t i = 16; i < end; i += 16) largest = L::Max(largest, L::Load(p + i));
  const float block_max = L::ReduceMax(largest);
  const float new_max = first || block_max > max ? block_max : max;
  auto total = L::Zero();
  for (std::size_t i = 0; i < end; i += 16) {
    const auto probability = Cache::Round(Exp<L>(L::Sub(L::Load(p + i), L::Set(new_max))));
    L::Store(p + i, probability);
    total = L::Add(total, probability);
  }
  const float correction = first ? 0.0f : L::First(Exp<L>(L::Set(max - new_max)));
  sum = __builtin_fmaf(first ? 0.0f : sum, correction, L::TreeSum(total));
  max = new_max;
  return correction;
}

// acc[i][16 * vector ...] = acc * correction + the values of positions [0, counts) weighted by the
// probabilities.
template <typename L, typename Cache, int Q, int V>
inline void Values(const AttentionBlock& block, const AttentionState& state, std::size_t query,
                   std::size_t vector, const float* corrections) {
  using F = typename L::F;
  const std::size_t padded = PaddedHeadDim(block.head_dim);
  const auto* values = reinterpret_cast<const typename Cache::Element*>(block.values) + vector * 16;
  const float* p = state.probabilities + query * kKvBlock;
  float* out = state.acc + query * padded + vector * 16;
  F acc[Q][V];
  std::int32_t shared = block.counts[query];
  for (int i = 0; i < Q; ++i) {
    const std::int32_t count = block.counts[query + static_cast<std::size_t>(i)];
    shared = count < shared ? count : shared;
    for (int v = 0; v < V; ++v) {
      acc[i][v] = block.first ? L::Zero()
                              : L::Mul(L::Load(out + static_cast<std::size_t>(i) * padded + v * 16),
                                       L::Set(corrections[i]));
    }
  }
  const auto common = static_cast<std::size_t>(shared);
  const bool ask = query == 0 && vector == 0 && block.next_keys != nullptr;
  for (std::size_t pos = 0; pos < common; ++pos) {
    if (ask) {
      PrefetchRow(block.next_keys, pos, block.head_dim * sizeof(typename Cache::Element));
    }
    F w[V];
    for (int v = 0; v < V; ++v) w[v] = Cache::Load(values + pos * padded + v * 16);
    for (int i = 0; i < Q; ++i) {
      const F x = L::Set(p[static_cast<std::size_t>(i) * kKvBlock + pos]);
      for (int v = 0; v < V; ++v) acc[i][v] = L::Fma(x, w[v], acc[i][v]);
    }
  }
  for (int i = 0; i < Q; ++i) {
    const auto row = static_cast<std::size_t>(i);
    const auto count = static_cast<std::size_t>(block.counts[query + row]);
    for (std::size_t pos = common; pos < count; ++pos) {
      const F x = L::Set(p[row * kKvBlock + pos]);
      for (int v = 0; v < V; ++v)
        acc[i][v] = L::Fma(x, Cache::Load(values + pos * padded + v * 16), acc[i][v]);
    }
    for (int v = 0; v < V; ++v) L::Store(out + row * padded + v * 16, acc[i][v]);
  }
}

template <typename L, typename Cache, int Q>
inline void AttendRows(const AttentionBlock& block, const AttentionState& state,
                       std::size_t query) {
  float* p = state.probabilities + query * kKvBlock;
  std::int32_t most = 0;
  for (int i = 0; i < Q; ++i) {
    const std::int32_t count = block.counts[query + static_cast<std::size_t>(i)];
    most = count > most ? count : most;
  }
  switch ((most + 15) / 16) {
    case 1:
      Scores<L, Cache, Q, 1>(block, query, p);
      break;
    case 2:
      Scores<L, Cache, Q, 2>(block, query, p);
      break;
    case 3:
      Scores<L, Cache, Q, 3>(block, query, p);
      break;
    default:
      Scores<L, Cache, Q, 4>(block, query, p);
  }
  float corrections[Q];
  for (int i = 0; i < Q; ++i) {
    const auto row = query + static_cast<std::size_t>(i);
    corrections[i] = Softmax<L, Cache>(state.probabilities + row * kKvBlock,
                                       static_cast<std::size_t>(block.counts[row]), block.first,
                                       state.max[row], state.sum[row]);
  }
  const std::size_t vectors = PaddedHeadDim(block.head_dim) / 16;
  std::size_t v = 0;
  for (; v + 4 <= vectors; v += 4) Values<L, Cache, Q, 4>(block, state, query, v, corrections);
  switch (vectors - v) {
    case 3:
      return Values<L, Cache, Q, 3>(block, state, query, v, corrections);
    case 2:
      return Values<L, Cache, Q, 2>(block, state, query, v, corrections);
    case 1:
      return Values<L, Cache, Q, 1>(block, state, query, v, corrections);
    default:
      return;
  }
}

template <typename L, typename Cache>
void Attend(const AttentionBlock& block, const AttentionState& state) {
  std::size_t query = 0;
  if constexpr (L::kQueries >= 4) {
    for (; query + 4 <= block.queries; query += 4) AttendRows<L, Cache, 4>(block, state, query);
  }
  for (; query < block.queries; ++query) AttendRows<L, Cache, 1>(block, state, query);
}

}  // namespace millrace::kernels

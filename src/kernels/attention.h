// One KV block of attention against a number of query rows, for any lanes and cache type.
//
// Scores: lanes are positions, so the sum over the head dimension stays in its lane, ascending.
// Values: lanes are dimensions, so the sum over the positions stays in its lane, ascending. Query
// rows that share a key-value head share the loads of keys and values (cache_float.h, cache_q8.h).
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vectors.h"
#include "kernels/visible_range.h"

namespace millrace::kernels {

// Turns the scores of positions [begin, end) of a row into probabilities and updates the row's
// maximum and sum. Returns the factor by which the accumulated values shrink. Registers without a
// visible position are left alone: their probabilities would be 0, and adding 0 changes no bit.
template <typename L, typename Cache>
inline float Softmax(float* p, std::size_t begin, std::size_t end, float softcap, float& max,
                     float& sum) {
  const std::size_t first = begin / 16 * 16, last = (end + 15) / 16 * 16;
  if (softcap != 0) {
    const auto cap = L::Set(softcap);
    for (std::size_t i = first; i < last; i += 16) {
      L::Store(p + i, L::Mul(cap, Tanh<L>(L::Div(L::Load(p + i), cap))));
    }
  }
  for (std::size_t i = first; i < begin; ++i) p[i] = -__builtin_inff();  // becomes exactly 0
  for (std::size_t i = end; i < last; ++i) p[i] = -__builtin_inff();
  auto largest = L::Load(p + first);
  for (std::size_t i = first + 16; i < last; i += 16) largest = L::Max(largest, L::Load(p + i));
  const float block_max = L::ReduceMax(largest);
  const float new_max = block_max > max ? block_max : max;
  auto total = L::Zero();
  for (std::size_t i = first; i < last; i += 16) {
    const auto probability =
        Cache::RoundProbability(Exp<L>(L::Sub(L::Load(p + i), L::Set(new_max))));
    L::Store(p + i, probability);
    total = L::Add(total, probability);
  }
  const float correction = L::First(Exp<L>(L::Set(max - new_max)));
  sum = __builtin_fmaf(sum, correction, L::TreeSum(total));
  max = new_max;
  return correction;
}

template <typename L, typename Cache, int Q>
inline void AttendRows(const AttentionBlock& block, const AttentionState& state,
                       std::size_t query) {
  float* p = state.probabilities + query * kKvBlock;
  switch ((Outer<Q>(block, query).end + 15) / 16) {
    case 1:
      Cache::template Scores<Q, 1>(block, query, p);
      break;
    case 2:
      Cache::template Scores<Q, 2>(block, query, p);
      break;
    case 3:
      Cache::template Scores<Q, 3>(block, query, p);
      break;
    default:
      Cache::template Scores<Q, 4>(block, query, p);
  }
  float corrections[Q];
  for (int i = 0; i < Q; ++i) {
    const auto row = query + static_cast<std::size_t>(i);
    corrections[i] =
        Softmax<L, Cache>(state.probabilities + row * kKvBlock, Begin(block, query, i),
                          End(block, query, i), block.softcap, state.max[row], state.sum[row]);
  }
  Cache::template Values<Q>(block, state, query, corrections);
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

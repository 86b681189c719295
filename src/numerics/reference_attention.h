// Attention and the KV cache as the contract defines them (docs/numerics.md): the plain reference.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "numerics/activation.h"

namespace millrace::reference {

// How keys and values are kept.
//   F32   as they are
//   F16   rounded to binary16; the scaled query and the probabilities are rounded too
//   Q8_0  in blocks of 32 dimensions as activations are (reference::Quantise; the last block of a
//         head is filled up with zeros); the scaled query is quantised the same way, so that scores
//         are integer products; the probabilities stay
enum class CacheType { kF32, kF16, kQ8_0 };

// The keys, or the values, of one layer: [positions, heads * dim].
class CachedVectors {
 public:
  CachedVectors(CacheType type, std::size_t heads, std::size_t dim);

  void Append(std::span<const float> row);  // [heads * dim], of the next position

  CacheType type() const { return type_; }
  std::size_t dim() const { return dim_; }
  std::size_t positions() const { return positions_; }

  // F32 and F16.
  float value(std::size_t position, std::size_t head, std::size_t d) const;
  // Q8_0: dimensions [32 b, 32 b + 32) of a head.
  const ActivationBlock& block(std::size_t position, std::size_t head, std::size_t b) const;

 private:
  CacheType type_;
  std::size_t heads_, dim_;
  std::size_t positions_ = 0;
  std::vector<float> values_;
  std::vector<ActivationBlock> blocks_;
};

struct AttentionRule {
  float scale = 1;
  std::size_t window = 0;  // positions that a query sees, its own the last; 0: all
  float softcap = 0;       // scores become softcap * tanh(score / softcap); 0: they stay
  std::optional<float> sink =
      std::nullopt;  // a score that takes part in the softmax and has no value
};

// One query head at `position`, which is cached already, in blocks of 64 absolute positions with a
// running maximum (arXiv:2205.14135, one query row).
//   keys, values: of one type; head: the key-value head that this query head reads
//   query: [keys.dim()]; out: [values.dim()]
void Attention(const CachedVectors& keys, const CachedVectors& values, std::size_t head,
               std::size_t position, std::span<const float> query, const AttentionRule& rule,
               std::span<float> out);

}  // namespace millrace::reference

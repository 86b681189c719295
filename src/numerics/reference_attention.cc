#include "numerics/reference_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "numerics/elementary.h"
#include "numerics/half.h"
#include "numerics/reference.h"

namespace millrace::reference {
namespace {

constexpr std::size_t kKvBlock = 64;

// A head in blocks of 32, the last one filled up with zeros.
std::vector<ActivationBlock> QuantiseHead(std::span<const float> head) {
  std::vector<float> padded((head.size() + 31) / 32 * 32, 0.0f);
  std::copy(head.begin(), head.end(), padded.begin());
  return Quantise(padded);
}

// One query against the keys of a cache.
class Scorer {
 public:
  Scorer(const CachedVectors& keys, std::size_t head, std::span<const float> query,
         const AttentionRule& rule)
      : keys_(keys), head_(head), rule_(rule) {
    for (const float q : query) {
      scaled_.push_back(keys.type() == CacheType::kF16 ? RoundToHalf(q * rule.scale)
                                                       : q * rule.scale);
    }
    if (keys.type() == CacheType::kQ8_0) blocks_ = QuantiseHead(scaled_);
  }

  float Score(std::size_t position) const {
    const float score =
        keys_.type() == CacheType::kQ8_0 ? IntegerScore(position) : FloatScore(position);
    return rule_.softcap == 0 ? score : rule_.softcap * Tanh(score / rule_.softcap);
  }

 private:
  float FloatScore(std::size_t position) const {
    float score = 0;
    for (std::size_t d = 0; d < scaled_.size(); ++d) {
      score = std::fma(scaled_[d], keys_.value(position, head_, d), score);
    }
    return score;
  }

  float IntegerScore(std::size_t position) const {
    float score = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const ActivationBlock& key = keys_.block(position, head_, b);
      int dot = 0;
      for (int i = 0; i < kActivationBlock; ++i) dot += key.q[i] * blocks_[b].q[i];
      score = std::fma(key.d * blocks_[b].d, static_cast<float>(dot), score);
    }
    return score;
  }

  const CachedVectors& keys_;
  std::size_t head_;
  const AttentionRule& rule_;
  std::vector<float> scaled_;
  std::vector<ActivationBlock> blocks_;
};

// acc += probability * the value of a position.
void AddValue(const CachedVectors& values, std::size_t head, std::size_t position,
              float probability, std::span<float> acc) {
  for (std::size_t d = 0; d < acc.size(); ++d) {
    if (values.type() == CacheType::kQ8_0) {
      const ActivationBlock& block = values.block(position, head, d / 32);
      acc[d] = std::fma(probability * block.d, static_cast<float>(block.q[d % 32]), acc[d]);
    } else {
      acc[d] = std::fma(probability, values.value(position, head, d), acc[d]);
    }
  }
}

}  // namespace

CachedVectors::CachedVectors(CacheType type, std::size_t heads, std::size_t dim)
    : type_(type), heads_(heads), dim_(dim) {}

void CachedVectors::Append(std::span<const float> row) {
  MILLRACE_CHECK(row.size() == heads_ * dim_);
  ++positions_;
  if (type_ == CacheType::kQ8_0) {
    for (std::size_t h = 0; h < heads_; ++h) {
      const auto blocks = QuantiseHead(row.subspan(h * dim_, dim_));
      blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
    }
    return;
  }
  for (const float x : row) values_.push_back(type_ == CacheType::kF16 ? RoundToHalf(x) : x);
}

float CachedVectors::value(std::size_t position, std::size_t head, std::size_t d) const {
  return values_[(position * heads_ + head) * dim_ + d];
}

const ActivationBlock& CachedVectors::block(std::size_t position, std::size_t head,
                                            std::size_t b) const {
  return blocks_[(position * heads_ + head) * ((dim_ + 31) / 32) + b];
}

void Attention(const CachedVectors& keys, const CachedVectors& values, std::size_t head,
               std::size_t position, std::span<const float> query, const AttentionRule& rule,
               std::span<float> out) {
  MILLRACE_CHECK(keys.type() == values.type() && query.size() == keys.dim());
  const Scorer scorer(keys, head, query, rule);
  const std::size_t first =
      rule.window != 0 && position + 1 > rule.window ? position + 1 - rule.window : 0;
  std::vector<float> acc(out.size(), 0.0f);
  float max = rule.sink.value_or(-std::numeric_limits<float>::infinity());
  float sum = rule.sink ? 1.0f : 0.0f;
  for (std::size_t begin = first / kKvBlock * kKvBlock; begin <= position; begin += kKvBlock) {
    const std::size_t from = std::max(begin, first), to = std::min(begin + kKvBlock, position + 1);
    float p[kKvBlock] = {};
    float new_max = max;
    for (std::size_t i = from; i < to; ++i) {
      p[i - begin] = scorer.Score(i);
      new_max = std::max(new_max, p[i - begin]);
    }
    const float correction = Exp(max - new_max);
    for (std::size_t i = from; i < to; ++i) {
      const float probability = Exp(p[i - begin] - new_max);
      p[i - begin] = keys.type() == CacheType::kF16 ? RoundToHalf(probability) : probability;
    }
    sum = std::fma(sum, correction, Sum(p));
    for (float& a : acc) a *= correction;
    for (std::size_t i = from; i < to; ++i) AddValue(values, head, i, p[i - begin], acc);
    max = new_max;
  }
  const float inverse = 1.0f / sum;
  for (std::size_t d = 0; d < out.size(); ++d) out[d] = acc[d] * inverse;
}

}  // namespace millrace::reference

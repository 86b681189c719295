#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/philox.h"
#include "engine/probability.h"

namespace millrace {
namespace {

// Without top-k, the tokens that share top_p are looked for among so many first, then among eight
// times as many.
constexpr std::size_t kFirstGuess = 256;

bool Filters(const SamplingParameters& parameters, std::size_t top_k) {
  return top_k > 0 || parameters.top_p < 1 || parameters.min_p > 0;
}

}  // namespace

Result<Sampler> Sampler::Build(SamplingParameters parameters, std::size_t vocabulary_size,
                               std::uint64_t sequence) {
  MILLRACE_CHECK(vocabulary_size > 0);
  MILLRACE_TRY_VOID(parameters.Validate());
  for (const LogitBias& entry : parameters.logit_bias) {
    if (entry.token.index() >= vocabulary_size) {
      return Invalid("logit_bias names token {}, the vocabulary has {}", entry.token.value,
                     vocabulary_size);
    }
  }
  return Sampler(std::move(parameters), vocabulary_size, sequence);
}

Sampler::Sampler(SamplingParameters parameters, std::size_t vocabulary_size, std::uint64_t sequence)
    : parameters_(std::move(parameters)), vocabulary_size_(vocabulary_size), sequence_(sequence) {
  const auto k = static_cast<std::size_t>(std::max(parameters_.top_k, 0));
  top_k_ = k < vocabulary_size ? k : 0;
  greedy_ = parameters_.temperature == 0 || top_k_ == 1;
  if (Penalises()) recent_.emplace(vocabulary_size, parameters_.repeat_last_n);
  if (recent_ || !parameters_.logit_bias.empty()) adjusted_.resize(vocabulary_size);
  if (greedy_) return;
  if (parameters_.min_p > 0) log_min_p_ = Log(parameters_.min_p);
  std::size_t kept = 1;
  if (Filters(parameters_, top_k_)) {
    kept = top_k_ > 0 ? top_k_ : vocabulary_size;
    gathered_.resize(kept);
  }
  candidates_.emplace(vocabulary_size, kept);
  scratch_.resize(DrawScratchSize(vocabulary_size));
}

bool Sampler::Penalises() const {
  return parameters_.repeat_last_n != 0 &&
         (parameters_.repeat_penalty != 1 || parameters_.frequency_penalty != 0 ||
          parameters_.presence_penalty != 0);
}

void Sampler::Accept(TokenId token) {
  if (recent_) recent_->Push(token);
}

TokenId Sampler::Sample(std::span<const float> logits, std::int64_t position) {
  MILLRACE_CHECK(logits.size() == vocabulary_size_);
  if (!adjusted_.empty()) logits = Adjust(logits);
  if (greedy_) return ArgMax(logits);
  const float max = candidates_->Scan(logits);
  if (!std::isfinite(max)) return ArgMax(logits);

  // A tiny temperature must not make the best token 0 * infinity.
  const float scale = std::min(1.0f / parameters_.temperature, std::numeric_limits<float>::max());
  const double uniform =
      DrawUniform(parameters_.seed, sequence_, static_cast<std::uint64_t>(position));
  if (!Filters(parameters_, top_k_)) {
    const std::size_t index = DrawIndex(logits, max, scale, uniform, scratch_);
    return TokenId{static_cast<std::int32_t>(index)};
  }
  const std::span<Candidate> kept = Keep(logits, max);
  std::sort(kept.begin(), kept.end(),
            [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
  return kept[DrawIndex(Gather(kept), max, scale, uniform, scratch_)].token;
}

std::span<const float> Sampler::Adjust(std::span<const float> logits) {
  std::copy(logits.begin(), logits.end(), adjusted_.begin());
  for (const LogitBias& entry : parameters_.logit_bias) {
    adjusted_[entry.token.index()] += entry.bias;
  }
  if (!recent_) return adjusted_;
  for (const TokenId token : recent_->distinct()) {
    float& logit = adjusted_[token.index()];
    logit = logit > 0 ? logit / parameters_.repeat_penalty : logit * parameters_.repeat_penalty;
    logit -= static_cast<float>(recent_->count(token)) * parameters_.frequency_penalty +
             parameters_.presence_penalty;
  }
  return adjusted_;
}

// The candidates that top-k, top-p and min-p leave, one at least. `max` is the largest logit, and
// finite.
std::span<Candidate> Sampler::Keep(std::span<const float> logits, float max) {
  const double threshold = double{max} + log_min_p_;
  std::span<Candidate> kept;
  if (parameters_.top_p < 1) {
    kept = KeepTopP(logits, max);
  } else if (top_k_ > 0) {
    kept = candidates_->Largest(top_k_);
  } else {
    return candidates_->AtLeast(threshold);
  }
  if (parameters_.min_p > 0) {
    while (kept.back().logit < threshold) kept = kept.first(kept.size() - 1);
  }
  return kept;
}

std::span<Candidate> Sampler::KeepTopP(std::span<const float> logits, float max) {
  if (top_k_ > 0) {
    const std::span<Candidate> ranked = candidates_->Largest(top_k_);
    const double mass = SumOfExp(Gather(ranked), max, 1);
    return ranked.first(CountOfShare(ranked, max, mass).value_or(ranked.size()));
  }
  const double mass = SumOfExp(logits, max, 1);
  for (std::size_t guess = kFirstGuess;; guess *= 8) {
    const std::size_t count = std::min(guess, vocabulary_size_);
    const std::span<Candidate> ranked = candidates_->Largest(count);
    const auto share = CountOfShare(ranked, max, mass);
    if (share || count == vocabulary_size_) return ranked.first(share.value_or(ranked.size()));
  }
}

// How many of the best candidates together reach top_p of `mass`; nothing if all of them do not.
std::optional<std::size_t> Sampler::CountOfShare(std::span<const Candidate> ranked, float max,
                                                 double mass) {
  const double wanted = double{parameters_.top_p} * mass;
  double sum = 0;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    sum += ExpOfNonPositive(ranked[i].logit - max);
    if (sum >= wanted) return i + 1;
  }
  return std::nullopt;
}

std::span<const float> Sampler::Gather(std::span<const Candidate> candidates) {
  for (std::size_t i = 0; i < candidates.size(); ++i) gathered_[i] = candidates[i].logit;
  return {gathered_.data(), candidates.size()};
}

}  // namespace millrace

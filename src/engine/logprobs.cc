#include "engine/logprobs.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "engine/probability.h"

namespace millrace {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

// The logprob of single logits, once the whole distribution has been looked at.
class Distribution {
 public:
  Distribution(std::span<const float> logits, float max) : max_(max) {
    if (max == std::numeric_limits<float>::infinity()) {
      log_mass_ = Log(static_cast<double>(std::count(logits.begin(), logits.end(), max)));
    } else if (max > -std::numeric_limits<float>::infinity()) {
      log_mass_ = Log(SumOfExp(logits, max, 1));
    }
  }

  double Logprob(float logit) const {
    if (!(logit > -std::numeric_limits<float>::infinity())) return kImpossible;
    if (logit == max_) return -log_mass_;
    return (double{logit} - max_) - log_mass_;
  }

 private:
  float max_;
  double log_mass_ = 0;
};

}  // namespace

Logprobs::Logprobs(std::size_t vocabulary_size, std::size_t most)
    : most_(std::min(most, vocabulary_size)), candidates_(vocabulary_size, most_), best_(most_) {}

TopLogprobs Logprobs::Top(std::span<const float> logits, TokenId chosen, std::size_t count) {
  MILLRACE_CHECK(chosen.value >= 0 && chosen.index() < logits.size());
  const Distribution distribution(logits, candidates_.Scan(logits));
  TopLogprobs top;
  top.chosen = {chosen, distribution.Logprob(logits[chosen.index()])};
  count = std::min(count, most_);
  if (count == 0) return top;
  const std::span<const Candidate> ranked = candidates_.Largest(count);
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    best_[i] = {ranked[i].token, distribution.Logprob(ranked[i].logit)};
  }
  top.best = {best_.data(), ranked.size()};
  return top;
}

}  // namespace millrace

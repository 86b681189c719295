// Chooses the next token of one sequence. The choice is a function of the parameters, the sequence
// number, the position, the accepted tokens and the logits, and of nothing else: not of the batch,
// the thread or the CPU.
//
//     logits ─ bias ─ penalties ─ top-k ─ top-p ─ min-p ─ temperature ─ draw ─► token
//
// The order of the steps is llama.cpp's. Ties always go to the lower id. The draw takes one uniform
// number (base/philox.h, keyed by seed, sequence and position) and walks the kept tokens by
// ascending id, so that a change of the logits too small to move a probability much does not move
// the choice much either.
//
// Logits that are not numbers: a NaN is never chosen; an infinite best logit is taken like a greedy
// one; if all are NaN the choice is token 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/typed_index.h"
#include "engine/candidates.h"
#include "engine/recent_tokens.h"
#include "engine/sampling_parameters.h"

namespace millrace {

class Sampler {
 public:
  // `sequence` tells replies with the same seed apart. kInvalid if the parameters are
  // (SamplingParameters::Validate), or a biased token is not in the vocabulary.
  static Result<Sampler> Build(SamplingParameters parameters, std::size_t vocabulary_size,
                               std::uint64_t sequence);

  // The token for `position` (of the token to be chosen, from 0), given the logits, one a
  // vocabulary entry. Does not accept it: calling twice gives the same token. Takes no memory.
  TokenId Sample(std::span<const float> logits, std::int64_t position);

  // Adds a token to the window of the penalties. To be called for every token of the prompt and of
  // the reply, in order.
  void Accept(TokenId token);

  const SamplingParameters& parameters() const { return parameters_; }

 private:
  Sampler(SamplingParameters parameters, std::size_t vocabulary_size, std::uint64_t sequence);

  bool Penalises() const;
  std::span<const float> Adjust(std::span<const float> logits);
  std::span<Candidate> Keep(std::span<const float> logits, float max);
  std::span<Candidate> KeepTopP(std::span<const float> logits, float max);
  std::optional<std::size_t> CountOfShare(std::span<const Candidate> ranked, float max,
                                          double mass);
  std::span<const float> Gather(std::span<const Candidate> candidates);

  SamplingParameters parameters_;
  std::size_t vocabulary_size_;
  std::uint64_t sequence_;
  std::size_t top_k_;  // 0 if off
  bool greedy_;
  double log_min_p_ = 0;
  std::optional<RecentTokens> recent_;
  std::vector<float> adjusted_;  // the logits after bias and penalties, if there are any
  std::optional<Candidates> candidates_;
  std::vector<float> gathered_;
  std::vector<double> scratch_;
};

}  // namespace millrace

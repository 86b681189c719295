// Log-probabilities for a reply: of the token that was chosen, and of the most probable ones.
//
// They describe the model, so they are made from the logits as the model gave them, before bias,
// penalties and temperature. The same bits on every machine (engine/probability.h).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/typed_index.h"
#include "engine/candidates.h"

namespace millrace {

struct TokenLogprob {
  TokenId token;
  double logprob = 0;  // natural; <= 0; -infinity for a token that cannot come

  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

struct TopLogprobs {
  TokenLogprob chosen;
  std::span<const TokenLogprob> best;  // best first, equals by lower id; NaNs are left out
};

// Takes its memory at construction. A NaN logit counts as -infinity. If logits are +infinity, they
// share the whole probability; if none is above -infinity, every logprob is -infinity.
class Logprobs {
 public:
  // For up to `most` best tokens beside the chosen one.
  Logprobs(std::size_t vocabulary_size, std::size_t most);

  // The logprob of `chosen` and of the `count` (0..most) best tokens. Valid until the next call.
  TopLogprobs Top(std::span<const float> logits, TokenId chosen, std::size_t count);

 private:
  std::size_t most_;
  Candidates candidates_;
  std::vector<TokenLogprob> best_;
};

}  // namespace millrace

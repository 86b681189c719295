// How the next token is chosen from the logits: what a request may ask for. The defaults are those
// of llama.cpp's command line, so that a prompt copied from there behaves alike here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/typed_index.h"

namespace millrace {

struct LogitBias {
  TokenId token;
  float bias = 0;  // added to the token's logit; -infinity bans the token
};

// The steps are taken in the order in which they stand here. Each works on what the one before it
// left, and always leaves one token.
struct SamplingParameters {
  // Added first. A token named twice gets both.
  std::vector<LogitBias> logit_bias;

  // The penalties look at the last `repeat_last_n` accepted tokens, the prompt's included; 0
  // switches them off, -1 looks at all of them. At most kLongestWindow.
  int repeat_last_n = 64;
  // Logits of tokens seen there are divided by it if positive, multiplied if not. > 0; 1 is off.
  float repeat_penalty = 1.0f;
  // Subtracted from a logit once for each time the token was seen. Finite; 0 is off.
  float frequency_penalty = 0.0f;
  // Subtracted from a logit if the token was seen at all. Finite; 0 is off.
  float presence_penalty = 0.0f;

  int top_k = 40;       // keeps the k most probable tokens; >= -1; 0 and -1 are off
  float top_p = 0.95f;  // then the fewest most probable ones that have this share; 0..1; 1 is off
  float min_p = 0.05f;  // then those at least this probable, relative to the best; 0..1; 0 is off

  // Logits are divided by it before the draw. >= 0 and finite; 0 takes the most probable token.
  float temperature = 0.8f;

  // Two requests with one seed, sequence number and prompt get one reply, whatever else is running.
  std::uint64_t seed = 0;

  // Report the log-probability of each token, and of so many most probable ones beside it.
  // 0..kMostLogprobs.
  std::optional<int> logprobs;

  static constexpr int kLongestWindow = 1 << 20;
  static constexpr int kMostLogprobs = 1024;

  // kInvalid if a number is out of the range given above, or a biased token's id is negative.
  // Whether the ids are in the vocabulary is the Sampler's to say.
  Result<void> Validate() const;
};

}  // namespace millrace

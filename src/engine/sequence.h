// One reply in the making: what was asked, what is computed, what comes next.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/typed_index.h"
#include "engine/logprobs.h"
#include "engine/prefix_cache.h"
#include "engine/sampler.h"
#include "engine/sampling_parameters.h"
#include "engine/sequence_id.h"

namespace millrace {

struct Request {
  std::vector<TokenId> prompt;  // at least one
  SamplingParameters sampling;
  std::int32_t max_new_tokens = -1;  // -1: until an end token or the context is full
  std::vector<TokenId> end_tokens;  // any of these ends the reply; it is reported as its last token
  std::uint64_t random_stream = 0;  // tells replies of one seed apart (Sampler's sequence)
};

enum class FinishReason {
  kEndToken,
  kMaxNewTokens,
  kContextFull,  // the executor's context has no position left
};

// What a reply was spared so far.
struct ReplyCounts {
  std::int32_t cached_tokens = 0;    // of the prompt, taken from the prefix cache
  std::int32_t proposed_tokens = 0;  // guessed and verified (engine/proposer.h)
  std::int32_t accepted_tokens = 0;  // of them, those that came true

  friend bool operator==(const ReplyCounts&, const ReplyCounts&) = default;
};

// One new token of one sequence.
struct TokenEvent {
  SequenceId sequence;
  TokenId token;
  std::optional<TokenLogprob> logprob;  // if the request asked for them
  std::vector<TokenLogprob> best;
  std::optional<FinishReason> finished;  // no event of this sequence comes after
  ReplyCounts counts{};
};

struct Sequence {
  SequenceId id;
  Request request;
  Sampler sampler;
  std::optional<Logprobs> logprobs;
  std::vector<TokenId> tokens;     // the prompt, then the reply
  std::vector<TokenId> draft;      // guesses behind the tokens, to be verified by this step
  std::vector<TokenId> verified;   // the last token and the draft, as the step has them
  std::size_t computed = 0;        // tokens whose keys and values are in the cache
  KvLease kv;                      // enough, with what it reserved, for every position it may have
  std::int32_t last_position = 0;  // one past the last position it may fill
  ReplyCounts counts{};

  std::size_t pending() const { return tokens.size() - computed; }
};

}  // namespace millrace

// What guessing is worth on a text: the same reply with and without it, in turns.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace millrace {

struct TextMeasurement {
  std::int32_t generated = 0;              // tokens of a reply
  std::vector<double> plain_s, guessed_s;  // of each repetition, for generated - 1 tokens
  ReplyCounts counts;                      // of all guessed replies together

  // Median over the repetitions.
  double plain_tokens_per_s() const;
  double guessed_tokens_per_s() const;
  double ratio() const;  // of the speeds within a repetition
};

// Continues `prompt` by `generated` greedy tokens (2 or more), once unmeasured, then `repetitions`
// times without and with the proposer in turns. Times are those of decoding: reading the prompt
// does not count, neither the target's nor (after the first time) a draft's. Errors are those of
// Engine::Add.
Result<TextMeasurement> MeasureText(Executor& executor, Proposer& proposer,
                                    const SpeculationOptions& speculation,
                                    std::span<const TokenId> prompt, std::int32_t generated,
                                    int repetitions);

}  // namespace millrace

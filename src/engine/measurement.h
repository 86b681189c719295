// How fast an executor is: prefill and decode timed as llama-bench times them (random tokens, no
// sampling), and the time of every decoded token.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/executor.h"

namespace millrace {

// Computes `prompt` tokens in chunks, or decodes `generated` ones, with `depth` tokens in the cache
// already.
struct Workload {
  std::int32_t prompt = 0;
  std::int32_t generated = 0;  // one of the two is 0
  std::int32_t depth = 0;

  std::int32_t tokens() const { return prompt + generated; }
  std::string name() const;  // "pp512", "tg32 @ d960"
};

struct Measurement {
  Workload workload;
  std::vector<double> run_s;    // of each repetition
  std::vector<double> token_s;  // of every decoded token of all repetitions; empty for a prompt

  double mean_tokens_per_s() const;
  double median_tokens_per_s() const;
  double deviation_tokens_per_s() const;          // standard deviation over the repetitions
  double token_percentile_s(double share) const;  // share in 0..1, nearest rank
};

// Fills the cache to the depth, runs the workload once unmeasured, then `repetitions` times. The
// executor's context must hold depth + tokens.
Measurement Measure(Executor& executor, const Workload& workload, int repetitions);

}  // namespace millrace

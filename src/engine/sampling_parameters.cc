#include "engine/sampling_parameters.h"

#include <cmath>
#include <limits>

namespace millrace {
namespace {

Result<void> CheckWindowAndPenalties(const SamplingParameters& p) {
  if (p.repeat_last_n < -1 || p.repeat_last_n > SamplingParameters::kLongestWindow) {
    return Invalid("repeat_last_n is {}, wanted -1 to {}", p.repeat_last_n,
                   SamplingParameters::kLongestWindow);
  }
  if (!(p.repeat_penalty > 0) || !std::isfinite(p.repeat_penalty)) {
    return Invalid("repeat_penalty is {}, wanted a finite number above 0", p.repeat_penalty);
  }
  if (!std::isfinite(p.frequency_penalty)) {
    return Invalid("frequency_penalty is {}, wanted a finite number", p.frequency_penalty);
  }
  if (!std::isfinite(p.presence_penalty)) {
    return Invalid("presence_penalty is {}, wanted a finite number", p.presence_penalty);
  }
  return {};
}

Result<void> CheckBias(const std::vector<LogitBias>& biases) {
  for (const LogitBias& entry : biases) {
    if (entry.token.value < 0) {
      return Invalid("logit_bias names token {}, wanted an id of 0 or more", entry.token.value);
    }
    if (std::isnan(entry.bias) || entry.bias == std::numeric_limits<float>::infinity()) {
      return Invalid("logit_bias of token {} is {}, wanted a finite number or -inf",
                     entry.token.value, entry.bias);
    }
  }
  return {};
}

}  // namespace

Result<void> SamplingParameters::Validate() const {
  MILLRACE_TRY_VOID(CheckBias(logit_bias));
  MILLRACE_TRY_VOID(CheckWindowAndPenalties(*this));
  if (top_k < -1) return Invalid("top_k is {}, wanted -1 or more", top_k);
  if (!(top_p >= 0 && top_p <= 1)) return Invalid("top_p is {}, wanted 0 to 1", top_p);
  if (!(min_p >= 0 && min_p <= 1)) return Invalid("min_p is {}, wanted 0 to 1", min_p);
  if (!(temperature >= 0) || !std::isfinite(temperature)) {
    return Invalid("temperature is {}, wanted a finite number of 0 or more", temperature);
  }
  if (logprobs && (*logprobs < 0 || *logprobs > kMostLogprobs)) {
    return Invalid("logprobs is {}, wanted 0 to {}", *logprobs, kMostLogprobs);
  }
  return {};
}

}  // namespace millrace

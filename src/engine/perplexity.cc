#include "engine/perplexity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/probability.h"

namespace millrace {
namespace {

Result<void> Check(const ExecutorLimits& limits, std::span<const TokenId> tokens,
                   const PerplexityOptions& options) {
  const std::int32_t context = options.context;
  if (context < 4)
    return Invalid("perplexity: found chunks of {} tokens, wanted 4 or more", context);
  if (context > limits.context) {
    return Exhausted("perplexity: chunks of {} tokens, the context has room for {}", context,
                     limits.context);
  }
  if (tokens.size() < 2 * static_cast<std::size_t>(context)) {
    return Invalid("perplexity: the text has {} tokens, wanted {} or more: two chunks",
                   tokens.size(), 2 * static_cast<std::size_t>(context));
  }
  if (options.chunks == 0) return Invalid("perplexity: found 0 chunks, wanted 1 or more");
  for (const TokenId token : tokens) {
    if (token.value < 0 || token.value >= limits.vocabulary) {
      return Invalid("perplexity: token {} is not in the vocabulary of {}", token.value,
                     limits.vocabulary);
    }
  }
  return {};
}

// -log of the softmax at `token`: by the largest logit and the sum of exponentials, which are added
// in double. Infinity if the logits are no numbers.
double NegativeLogProbability(std::span<const float> logits, TokenId token) {
  const float max = *std::max_element(logits.begin(), logits.end());
  if (!std::isfinite(max)) return std::numeric_limits<double>::infinity();
  const double log_sum = Log(SumOfExp(logits, max, 1));
  return log_sum - (double{logits[token.index()]} - double{max});
}

class Measurement {
 public:
  Measurement(Executor& executor, const PerplexityOptions& options)
      : executor_(executor),
        options_(options),
        blocks_(static_cast<std::size_t>(executor.limits().kv_blocks)) {
    std::iota(blocks_.begin(), blocks_.end(), 0);
  }

  // The chunk's last token is predicted and predicts nothing, so it is not computed.
  void Add(std::span<const TokenId> tokens) {
    chunk_.assign(tokens.begin(), tokens.end());
    if (options_.bos) chunk_[0] = *options_.bos;
    const std::int32_t first = options_.context / 2, last = options_.context - 1;
    const ExecutorLimits& limits = executor_.limits();
    for (std::int32_t at = 0; at < first;) {
      at += Step(at, std::min(limits.max_tokens, first - at), LogitsWanted::kNone);
    }
    const std::int32_t rows = std::min(limits.max_tokens, limits.max_logit_rows);
    for (std::int32_t at = first; at < last;) {
      const std::int32_t count = Step(at, std::min(rows, last - at), LogitsWanted::kAll);
      for (std::int32_t row = 0; row < count; ++row) Count(at + row, static_cast<std::size_t>(row));
      at += count;
    }
    ++sums_.chunks;
  }

  const PerplexitySums& sums() const { return sums_; }

 private:
  std::int32_t Step(std::int32_t at, std::int32_t count, LogitsWanted logits) {
    const StepSequence step{
        std::span(chunk_).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)),
        at, blocks_, logits};
    executor_.Step({&step, 1});
    return count;
  }

  // The token after `position`, by the logits of this row.
  void Count(std::int32_t position, std::size_t row) {
    const TokenId next = chunk_[static_cast<std::size_t>(position) + 1];
    const double nll = NegativeLogProbability(executor_.logits(row), next);
    sums_.nll += nll;
    sums_.nll2 += nll * nll;
    ++sums_.tokens;
  }

  Executor& executor_;
  const PerplexityOptions& options_;
  std::vector<std::int32_t> blocks_;
  std::vector<TokenId> chunk_;
  PerplexitySums sums_;
};

}  // namespace

double PerplexitySums::mean_nll() const {
  return tokens == 0 ? 0.0 : nll / static_cast<double>(tokens);
}

double PerplexitySums::value() const { return std::exp(mean_nll()); }

double PerplexitySums::error() const {
  if (tokens < 2) return 0;
  const double mean = mean_nll();
  const double variance = std::max(0.0, nll2 / static_cast<double>(tokens) - mean * mean);
  return std::sqrt(variance / static_cast<double>(tokens - 1)) * value();
}

Result<PerplexitySums> MeasurePerplexity(Executor& executor, std::span<const TokenId> tokens,
                                         const PerplexityOptions& options,
                                         const std::function<bool(const PerplexitySums&)>& after) {
  MILLRACE_TRY_VOID(Check(executor.limits(), tokens, options));
  const auto size = static_cast<std::size_t>(options.context);
  std::size_t chunks = tokens.size() / size;
  if (options.chunks > 0) chunks = std::min(chunks, static_cast<std::size_t>(options.chunks));
  Measurement measurement(executor, options);
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    measurement.Add(tokens.subspan(chunk * size, size));
    if (!after(measurement.sums())) break;
  }
  return measurement.sums();
}

}  // namespace millrace

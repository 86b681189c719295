// How well a model predicts a text: exp of the mean of -log p(token | the tokens before it).
//
// The definition is that of llama.cpp's llama-perplexity, so that numbers can be compared. The
// tokens of the text (which begin with bos, if the vocabulary wants it) are cut into chunks of
// `context`; the rest is left out. In each chunk the first token is replaced by bos, if the
// vocabulary wants it, and only tokens of the second half count, positions context / 2 + 1 up to
// the last: each has at least half a context before it. The error is the standard error of the
// mean, carried through the exp: the deviation of log p over sqrt(count - 1), times the perplexity.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/typed_index.h"
#include "engine/executor.h"

namespace millrace {

// Sums over the tokens that count, in their order.
struct PerplexitySums {
  std::int64_t chunks = 0;
  std::int64_t tokens = 0;
  double nll = 0;   // of -log p, natural
  double nll2 = 0;  // of its square

  double mean_nll() const;
  double value() const;  // the perplexity; 1 before any token
  double error() const;  // 0 before two tokens
};

struct PerplexityOptions {
  std::int32_t context = 512;  // of a chunk: 4 up to what the executor has
  std::int32_t chunks = -1;    // at most; -1: all there are
  std::optional<TokenId> bos;  // what replaces the first token of a chunk
};

// `after` is called after every chunk; false ends the measurement there.
//
// kInvalid if the tokens do not fill two chunks (as llama-perplexity wants it), if there are no
// chunks to be measured, or if a token is not in the executor's vocabulary; kExhausted if the
// executor has no room for the context. The executor's max_tokens and max_logit_rows change the
// time, not the sums.
Result<PerplexitySums> MeasurePerplexity(Executor& executor, std::span<const TokenId> tokens,
                                         const PerplexityOptions& options,
                                         const std::function<bool(const PerplexitySums&)>& after);

}  // namespace millrace

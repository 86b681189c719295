#include "engine/engine.h"

#include <algorithm>

namespace millrace {
namespace {

std::int32_t BlocksFor(std::int32_t positions) {
  return (positions + kPositionsPerKvBlock - 1) / kPositionsPerKvBlock;
}

}  // namespace

Engine::Engine(Executor& executor, const EngineOptions& options)
    : executor_(executor), options_(options), cache_(executor.limits().kv_blocks) {
  if (!executor.limits().addressable_kv) options_.prefix_cache = false;
  MILLRACE_CHECK(BlocksFor(executor.limits().context) <= executor.limits().kv_blocks);
}

Result<SequenceId> Engine::Add(Request request) {
  const ExecutorLimits& limits = executor_.limits();
  if (request.prompt.empty()) return Invalid("prompt: is empty, wanted at least one token");
  for (const TokenId token : request.prompt) {
    if (token.value < 0 || token.value >= limits.vocabulary) {
      return Invalid("prompt: token {} is not in the vocabulary of {}", token.value,
                     limits.vocabulary);
    }
  }
  const auto prompt_tokens = static_cast<std::int64_t>(request.prompt.size());
  if (prompt_tokens > limits.context) {
    return Exhausted("prompt: has {} tokens, the context has room for {}", prompt_tokens,
                     limits.context);
  }
  // The last token of a reply is never computed, so a full context still gives one.
  const std::int64_t wanted =
      request.max_new_tokens < 0 ? limits.context : prompt_tokens + request.max_new_tokens - 1;
  const auto last_position =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted, prompt_tokens, limits.context));
  MILLRACE_TRY(Sampler sampler,
               Sampler::Build(request.sampling, static_cast<std::size_t>(limits.vocabulary),
                              request.random_stream));
  std::optional<Logprobs> logprobs;
  if (request.sampling.logprobs.has_value()) {
    logprobs.emplace(static_cast<std::size_t>(limits.vocabulary),
                     static_cast<std::size_t>(*request.sampling.logprobs));
  }
  std::vector<TokenId> tokens = request.prompt;
  tokens.reserve(static_cast<std::size_t>(last_position) + 1);
  for (const TokenId token : tokens) sampler.Accept(token);
  const SequenceId id{next_id_++};
  waiting_.push_back(std::make_unique<Sequence>(Sequence{.id = id,
                                                         .request = std::move(request),
                                                         .sampler = std::move(sampler),
                                                         .logprobs = std::move(logprobs),
                                                         .tokens = std::move(tokens),
                                                         .computed = 0,
                                                         .kv = {},
                                                         .last_position = last_position,
                                                         .counts = {}}));
  return id;
}

std::span<const TokenEvent> Engine::Step() {
  events_.clear();
  Admit();
  Schedule();
  if (step_.empty()) return events_;
  executor_.Step(step_);
  std::size_t row = 0;
  for (std::size_t i = 0; i < step_.size(); ++i) {
    Sequence& sequence = *step_owners_[i];
    sequence.computed += step_[i].tokens.size();
    if (options_.prefix_cache)
      cache_.Register(sequence.kv, std::span(sequence.tokens).first(sequence.computed));
    if (step_[i].logits == LogitsWanted::kLast)
      events_.push_back(Advance(sequence, executor_.logits(row++)));
  }
  for (const TokenEvent& event : events_) {
    if (event.finished.has_value()) Stop(event.sequence);
  }
  return events_;
}

void Engine::Stop(SequenceId id) {
  std::erase_if(waiting_, [id](const auto& sequence) { return sequence->id == id; });
  const auto running = std::find_if(running_.begin(), running_.end(),
                                    [id](const auto& sequence) { return sequence->id == id; });
  if (running == running_.end()) return;
  cache_.Release((*running)->kv);
  running_.erase(running);
}

void Engine::Admit() {
  const auto most = static_cast<std::size_t>(
      std::min(executor_.limits().max_logit_rows, executor_.limits().max_tokens));
  while (!waiting_.empty() && running_.size() < most) {
    Sequence& next = *waiting_.front();
    std::optional<KvLease> lease = cache_.Lease(next.tokens, BlocksFor(next.last_position));
    if (!lease.has_value()) return;  // in order of arrival: nobody overtakes
    next.kv = std::move(*lease);
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// Skips what is cached of a prompt, at its beginning or between two of its pieces.
void Engine::AdoptCached(Sequence& sequence) {
  cache_.Adopt(sequence.kv, sequence.request.prompt);
  const auto cached = static_cast<std::size_t>(sequence.kv.registered) * kPositionsPerKvBlock;
  if (cached <= sequence.computed) return;
  sequence.counts.cached_tokens += static_cast<std::int32_t>(cached - sequence.computed);
  sequence.computed = cached;
}

void Engine::Schedule() {
  step_.clear();
  step_owners_.clear();
  auto room = static_cast<std::size_t>(executor_.limits().max_tokens);
  const auto take = [&](Sequence& sequence, std::size_t count) {
    const bool all = count == sequence.pending();
    cache_.Grow(sequence.kv, static_cast<std::int64_t>(sequence.computed + count));
    step_.push_back({.tokens = std::span(sequence.tokens).subspan(sequence.computed, count),
                     .first_position = static_cast<std::int32_t>(sequence.computed),
                     .kv_blocks = sequence.kv.blocks,
                     .logits = all ? LogitsWanted::kLast : LogitsWanted::kNone});
    step_owners_.push_back(&sequence);
    room -= count;
  };
  for (const auto& sequence : running_) {
    if (sequence->pending() == 1) take(*sequence, 1);
  }
  for (const auto& sequence : running_) {
    if (sequence->pending() <= 1 || room == 0) continue;
    AdoptCached(*sequence);
    take(*sequence, std::min(room, sequence->pending()));
  }
}

TokenEvent Engine::Advance(Sequence& sequence, std::span<const float> logits) {
  const TokenId token =
      sequence.sampler.Sample(logits, static_cast<std::int64_t>(sequence.tokens.size()));
  TokenEvent event{.sequence = sequence.id,
                   .token = token,
                   .logprob = {},
                   .best = {},
                   .finished = {},
                   .counts = sequence.counts};
  if (sequence.logprobs.has_value()) {
    const TopLogprobs top = sequence.logprobs->Top(
        logits, token, static_cast<std::size_t>(*sequence.request.sampling.logprobs));
    event.logprob = top.chosen;
    event.best.assign(top.best.begin(), top.best.end());
  }
  sequence.sampler.Accept(token);
  sequence.tokens.push_back(token);

  const Request& request = sequence.request;
  const auto new_tokens = static_cast<std::int64_t>(sequence.tokens.size() - request.prompt.size());
  if (std::find(request.end_tokens.begin(), request.end_tokens.end(), token) !=
      request.end_tokens.end()) {
    event.finished = FinishReason::kEndToken;
  } else if (request.max_new_tokens >= 0 && new_tokens >= request.max_new_tokens) {
    event.finished = FinishReason::kMaxNewTokens;
  } else if (static_cast<std::int32_t>(sequence.computed) >= executor_.limits().context) {
    event.finished = FinishReason::kContextFull;
  }
  return event;
}

}  // namespace millrace

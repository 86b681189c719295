#include "engine/engine.h"

#include <algorithm>
#include <chrono>

namespace millrace {
namespace {

std::int32_t BlocksFor(std::int32_t positions) {
  return (positions + kPositionsPerKvBlock - 1) / kPositionsPerKvBlock;
}

KvWindow WindowOf(const ExecutorLimits& limits) {
  return {.positions = limits.window, .step = limits.max_tokens, .blocks = limits.window_blocks};
}

}  // namespace

Engine::Engine(Executor& executor, const EngineOptions& options)
    : executor_(executor),
      options_(options),
      cache_(executor.limits().kv_blocks, &HashKvBlock, WindowOf(executor.limits())) {
  if (!executor.limits().addressable_kv) {
    options_.prefix_cache = false;
    options_.proposer = nullptr;
  }
  if (options_.proposer != nullptr) {
    speculation_.emplace(*options_.proposer, options_.speculation, executor.limits().vocabulary);
  }
  const std::int32_t most = BlocksFor(executor.limits().context);
  MILLRACE_CHECK(most <= executor.limits().kv_blocks);
  MILLRACE_CHECK(executor.limits().window == 0 ||
                 WindowOf(executor.limits()).MostBlocks(most) <= executor.limits().window_blocks);
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
                                                         .draft = {},
                                                         .verified = {},
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
  const auto begin = std::chrono::steady_clock::now();
  executor_.Step(step_);
  if (speculation_.has_value() && only_decoding_) {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    speculation_->ObserveStep(time.count());
  }
  std::size_t row = 0;
  for (std::size_t i = 0; i < step_.size(); ++i) Take(*step_owners_[i], step_[i], row);
  for (const TokenEvent& event : events_) {
    if (event.finished.has_value()) Stop(event.sequence);
  }
  return events_;
}

// What a step did for one sequence; its logits begin at `row`.
void Engine::Take(Sequence& sequence, const StepSequence& step, std::size_t& row) {
  if (!sequence.draft.empty()) {
    Verify(sequence, row);
  } else {
    sequence.computed += step.tokens.size();
    if (step.logits == LogitsWanted::kLast)
      events_.push_back(Advance(sequence, executor_.logits(row++)));
  }
  if (options_.prefix_cache)
    cache_.Register(sequence.kv, std::span(sequence.tokens).first(sequence.computed));
}

// Row i holds the logits behind guess i - 1; they count as long as the guesses were right. What was
// computed behind a wrong one is overwritten later: its positions come again.
void Engine::Verify(Sequence& sequence, std::size_t& row) {
  const std::vector<TokenId>& draft = sequence.draft;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i == accepted; ++i) {
    ++sequence.computed;
    TokenEvent event = Advance(sequence, executor_.logits(row + i));
    if (i < draft.size() && event.token == draft[i]) {
      ++accepted;
      ++sequence.counts.accepted_tokens;
    }
    event.counts = sequence.counts;
    const bool finished = event.finished.has_value();
    events_.push_back(std::move(event));
    if (finished) break;
  }
  row += draft.size() + 1;
  speculation_->ObserveAcceptance(sequence, static_cast<std::int32_t>(accepted));
  sequence.draft.clear();
}

void Engine::Stop(SequenceId id) {
  std::erase_if(waiting_, [id](const auto& sequence) { return sequence->id == id; });
  const auto running = std::find_if(running_.begin(), running_.end(),
                                    [id](const auto& sequence) { return sequence->id == id; });
  if (running == running_.end()) return;
  cache_.Release((*running)->kv);
  if (speculation_.has_value()) speculation_->Forget(id);
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
  decoding_.clear();
  reading_.clear();
  for (const auto& sequence : running_)
    (sequence->pending() == 1 ? decoding_ : reading_).push_back(sequence.get());
  only_decoding_ = reading_.empty();
  if (speculation_.has_value()) Propose(decoding_);
  auto room = static_cast<std::size_t>(executor_.limits().max_tokens);
  for (Sequence* const sequence : decoding_) {
    ScheduleDecoding(*sequence);
    room -= 1 + sequence->draft.size();
  }
  for (Sequence* const sequence : reading_) {
    if (room > 0) room -= SchedulePrompt(*sequence, room);
  }
}

// Guesses get the rows that nobody else can need, and leave half of the room to prompts.
void Engine::Propose(std::span<Sequence* const> decoding) {
  const ExecutorLimits& limits = executor_.limits();
  const auto rows = static_cast<std::size_t>(limits.max_logit_rows) - running_.size();
  const auto room = static_cast<std::size_t>(limits.max_tokens) - decoding.size();
  speculation_->Propose(decoding, std::min(rows, only_decoding_ ? room : room / 2));
}

void Engine::ScheduleDecoding(Sequence& sequence) {
  std::span<const TokenId> tokens = std::span(sequence.tokens).last(1);
  if (!sequence.draft.empty()) {
    sequence.counts.proposed_tokens += static_cast<std::int32_t>(sequence.draft.size());
    sequence.verified.assign(tokens.begin(), tokens.end());
    sequence.verified.insert(sequence.verified.end(), sequence.draft.begin(), sequence.draft.end());
    tokens = sequence.verified;
  }
  cache_.Slide(sequence.kv, static_cast<std::int64_t>(sequence.computed));
  cache_.Grow(sequence.kv, static_cast<std::int64_t>(sequence.computed + tokens.size()));
  step_.push_back({.tokens = tokens,
                   .first_position = static_cast<std::int32_t>(sequence.computed),
                   .kv_blocks = sequence.kv.blocks,
                   .logits = sequence.draft.empty() ? LogitsWanted::kLast : LogitsWanted::kAll,
                   .window_blocks = sequence.kv.window_blocks});
  step_owners_.push_back(&sequence);
}

// Returns the tokens that it takes of the room, at least 1.
std::size_t Engine::SchedulePrompt(Sequence& sequence, std::size_t room) {
  AdoptCached(sequence);
  const std::size_t count = std::min(room, sequence.pending());
  const bool all = count == sequence.pending();
  cache_.Slide(sequence.kv, static_cast<std::int64_t>(sequence.computed));
  cache_.Grow(sequence.kv, static_cast<std::int64_t>(sequence.computed + count));
  step_.push_back({.tokens = std::span(sequence.tokens).subspan(sequence.computed, count),
                   .first_position = static_cast<std::int32_t>(sequence.computed),
                   .kv_blocks = sequence.kv.blocks,
                   .logits = all ? LogitsWanted::kLast : LogitsWanted::kNone,
                   .window_blocks = sequence.kv.window_blocks});
  step_owners_.push_back(&sequence);
  return count;
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

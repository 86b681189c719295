// Whatever comes and goes, whatever is cached and guessed: every reply is the one that the sampler
// gives by definition, token after token, on the logits of its own past.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "engine/draft_model.h"
#include "engine/engine.h"
#include "engine/memory_executor.h"
#include "engine/prompt_lookup.h"

namespace millrace {
namespace {

constexpr std::int32_t kVocabulary = 50, kContext = 384;
constexpr ExecutorLimits kLimits{.vocabulary = kVocabulary,
                                 .context = kContext,
                                 .kv_blocks = 11,
                                 .max_tokens = 100,
                                 .max_logit_rows = 30};

struct Outcome {
  std::vector<std::int32_t> tokens;
  std::vector<double> logprobs;
  std::optional<FinishReason> finished;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void Take(const TokenEvent& event, Outcome& outcome) {
  EXPECT_FALSE(outcome.finished.has_value()) << "a token after the last";
  outcome.tokens.push_back(event.token.value);
  if (event.logprob.has_value()) outcome.logprobs.push_back(event.logprob->logprob);
  for (const TokenLogprob& best : event.best) outcome.logprobs.push_back(best.logprob);
  outcome.finished = event.finished;
}

// No engine, no blocks, no steps.
Outcome ByDefinition(const Request& request) {
  Outcome outcome;
  auto sampler = Sampler::Build(request.sampling, kVocabulary, request.random_stream);
  Logprobs logprobs(kVocabulary, 2);
  std::vector<TokenId> tokens = request.prompt;
  for (const TokenId token : tokens) sampler->Accept(token);
  while (!outcome.finished.has_value()) {
    const auto logits = MemoryExecutor::Logits(tokens, kVocabulary);
    const TokenId token = sampler->Sample(logits, static_cast<std::int64_t>(tokens.size()));
    sampler->Accept(token);
    outcome.tokens.push_back(token.value);
    if (request.sampling.logprobs.has_value()) {
      const TopLogprobs top = logprobs.Top(logits, token, 2);
      outcome.logprobs.push_back(top.chosen.logprob);
      for (const TokenLogprob& best : top.best) outcome.logprobs.push_back(best.logprob);
    }
    if (!request.end_tokens.empty() && token == request.end_tokens[0]) {
      outcome.finished = FinishReason::kEndToken;
    } else if (static_cast<std::int32_t>(outcome.tokens.size()) == request.max_new_tokens) {
      outcome.finished = FinishReason::kMaxNewTokens;
    } else if (tokens.size() == kContext) {
      outcome.finished = FinishReason::kContextFull;
    }
    tokens.push_back(token);
  }
  return outcome;
}

// Proposes what `guess` says behind the tokens, or anything that it may not.
class GuessProposer final : public Proposer {
 public:
  enum class Kind { kRight, kTwo, kWrong, kRandom, kRude };
  explicit GuessProposer(Kind kind) : kind_(kind) {}

  void Propose(std::span<const ProposalRequest> requests) override {
    for (const ProposalRequest& request : requests) {
      std::vector<TokenId> tokens(request.tokens.begin(), request.tokens.end());
      for (std::int32_t i = 0; i < (kind_ == Kind::kTwo ? std::min(2, request.most) : request.most);
           ++i) {
        tokens.push_back(Guess(tokens, *request.sampler));
        request.proposed->push_back(tokens.back());
      }
      if (kind_ != Kind::kRude) continue;
      request.proposed->resize(random_() % 40, TokenId{3});
      if (!request.proposed->empty() && random_() % 2 == 0)
        request.proposed->back().value = random_() % 2 == 0 ? kVocabulary : -1;
    }
  }
  void Forget(SequenceId) override {}

 private:
  TokenId Guess(const std::vector<TokenId>& tokens, Sampler& sampler) {
    const TokenId right = sampler.Sample(MemoryExecutor::Logits(tokens, kVocabulary),
                                         static_cast<std::int64_t>(tokens.size()));
    const bool is_right = kind_ == Kind::kRight || kind_ == Kind::kTwo ||
                          (kind_ != Kind::kWrong && random_() % 4 != 0);
    return is_right ? right : TokenId{(right.value + 1) % kVocabulary};
  }

  Kind kind_;
  std::mt19937 random_;
};

class Traffic {
 public:
  Traffic(std::uint32_t seed, Executor& executor, const EngineOptions& options)
      : random_(seed), engine_(executor, options) {}

  void Run(int steps) {
    for (int step = 0; step < 10 * steps && (step < steps || !engine_.idle()); ++step) {
      if (step < steps && random_() % 8 == 0) Add();
      if (random_() % 100 == 0 && !requests_.empty()) StopOne();
      for (const TokenEvent& event : engine_.Step()) {
        Take(event, outcomes_[event.sequence]);
        if (!event.finished.has_value()) continue;
        ASSERT_NO_FATAL_FAILURE(Finish(event));
      }
    }
    EXPECT_TRUE(engine_.idle());
  }

  int replies = 0;
  std::map<FinishReason, int> finished;
  ReplyCounts counts;  // of all

 private:
  void Add() {
    Request request;
    const auto size = 1 + random_() % 150, first = random_() % 3;
    for (std::uint32_t i = 0; i < size; ++i)
      request.prompt.push_back(TokenId{static_cast<std::int32_t>((first + i * i) % kVocabulary)});
    if (!pasts_.empty() && random_() % 2 == 0) {  // goes on, or aside, from an earlier one
      request.prompt = pasts_[random_() % pasts_.size()];
      request.prompt.resize(1 + random_() % request.prompt.size());
    }
    request.max_new_tokens =
        random_() % 20 == 0 ? -1 : static_cast<std::int32_t>(1 + random_() % 60);
    request.random_stream = random_() % 100;
    if (random_() % 4 == 0) request.end_tokens = {TokenId{17}};
    request.sampling.temperature = random_() % 2 == 0 ? 0.0f : 0.7f;
    request.sampling.top_k = random_() % 2 == 0 ? 0 : 10;
    if (random_() % 3 == 0) request.sampling.repeat_penalty = 1.3f;
    if (random_() % 3 == 0) request.sampling.logprobs = 2;
    requests_[*engine_.Add(request)] = request;
  }

  void StopOne() {
    const auto victim =
        std::next(requests_.begin(), static_cast<long>(random_() % requests_.size()));
    engine_.Stop(victim->first);
    outcomes_.erase(victim->first);
    requests_.erase(victim);
  }

  void Finish(const TokenEvent& event) {
    const Request& request = requests_.at(event.sequence);
    ASSERT_EQ(outcomes_.at(event.sequence), ByDefinition(request));
    ++replies;
    ++finished[*event.finished];
    counts.cached_tokens += event.counts.cached_tokens;
    counts.proposed_tokens += event.counts.proposed_tokens;
    counts.accepted_tokens += event.counts.accepted_tokens;
    pasts_.push_back(request.prompt);
    for (const std::int32_t token : outcomes_.at(event.sequence).tokens)
      pasts_.back().push_back(TokenId{token});
    pasts_.back().resize(std::min<std::size_t>(pasts_.back().size(), 300));
    requests_.erase(event.sequence);
    outcomes_.erase(event.sequence);
  }

  std::mt19937 random_;
  Engine engine_;
  std::map<SequenceId, Request> requests_;
  std::map<SequenceId, Outcome> outcomes_;
  std::vector<std::vector<TokenId>> pasts_;
};

// Returns the counts of all traffic.
ReplyCounts RunTraffic(Proposer* proposer, const SpeculationOptions& speculation,
                       std::int32_t logit_rows = 30, std::int32_t window = 0,
                       std::int32_t spare_window_blocks = 0) {
  ReplyCounts counts;
  std::map<FinishReason, int> finished;
  for (const std::int32_t kv_blocks : {6, 11, 24}) {
    ExecutorLimits limits = kLimits;
    limits.kv_blocks = kv_blocks;
    limits.max_logit_rows = logit_rows;
    limits.window = window;
    limits.window_blocks = KvWindow{.positions = window, .step = limits.max_tokens}.MostBlocks(6) +
                           spare_window_blocks;
    MemoryExecutor executor(limits);
    Traffic traffic(static_cast<std::uint32_t>(kv_blocks), executor,
                    {.proposer = proposer, .speculation = speculation});
    traffic.Run(1500);
    EXPECT_GT(traffic.replies, 60);
    counts.cached_tokens += traffic.counts.cached_tokens;
    counts.proposed_tokens += traffic.counts.proposed_tokens;
    counts.accepted_tokens += traffic.counts.accepted_tokens;
    for (const auto& [reason, times] : traffic.finished) finished[reason] += times;
  }
  EXPECT_EQ(finished.size(), 3u);
  EXPECT_GT(counts.cached_tokens, 2000);
  return counts;
}

constexpr SpeculationOptions kForced{.most = 7, .least = 1, .lengths = DraftLengths::kLongest};

TEST(EngineTraffic, WithThePrefixCacheUnderPressure) { RunTraffic(nullptr, {}); }

// Too few blocks for two sequences at once, for some, and for all.
TEST(EngineTraffic, WithWindowsThatHaveBlocksOfTheirOwn) {
  GuessProposer proposer(GuessProposer::Kind::kRandom);
  for (const std::int32_t window : {1, 20, 64, 65, 150}) {
    for (const std::int32_t spare : {0, 4, 40}) {
      SCOPED_TRACE(testing::Message()
                   << "window " << window << ", " << spare << " blocks to spare");
      RunTraffic(nullptr, {}, 30, window, spare);
      EXPECT_GT(RunTraffic(&proposer, kForced, 30, window, spare).accepted_tokens, 300);
    }
  }
}

TEST(EngineTraffic, WithGuessesThatAreRight) {
  GuessProposer proposer(GuessProposer::Kind::kRight);
  const ReplyCounts counts = RunTraffic(&proposer, kForced);
  EXPECT_GT(counts.accepted_tokens, counts.proposed_tokens * 8 / 10) << "penalties, end tokens";
}

TEST(EngineTraffic, WithHardlyARowForAGuess) {
  GuessProposer proposer(GuessProposer::Kind::kRight);
  EXPECT_GT(RunTraffic(&proposer, kForced, /*logit_rows=*/5).accepted_tokens, 1000);
}

TEST(EngineTraffic, GuessesThatAreTooShortAreNotTried) {
  GuessProposer proposer(GuessProposer::Kind::kTwo);
  EXPECT_GT(RunTraffic(&proposer, kForced).accepted_tokens, 1000);
  const SpeculationOptions three{.most = 7, .least = 3, .lengths = DraftLengths::kLongest};
  EXPECT_EQ(RunTraffic(&proposer, three).proposed_tokens, 0);
}

TEST(EngineTraffic, WithGuessesThatAreAlwaysWrong) {
  GuessProposer proposer(GuessProposer::Kind::kWrong);
  const ReplyCounts counts = RunTraffic(&proposer, kForced);
  EXPECT_GT(counts.proposed_tokens, 1000);
  EXPECT_EQ(counts.accepted_tokens, 0);
}

TEST(EngineTraffic, WithGuessesThatAreRightAtTimes) {
  GuessProposer proposer(GuessProposer::Kind::kRandom);
  const ReplyCounts counts = RunTraffic(&proposer, kForced);
  EXPECT_GT(counts.accepted_tokens, 1000);
  EXPECT_LT(counts.accepted_tokens, counts.proposed_tokens / 2);
}

TEST(EngineTraffic, WithAProposerThatKeepsNoRule) {
  GuessProposer proposer(GuessProposer::Kind::kRude);
  const ReplyCounts counts =
      RunTraffic(&proposer, {.most = 7, .least = 3, .lengths = DraftLengths::kLongest});
  EXPECT_GT(counts.accepted_tokens, 500);
}

TEST(EngineTraffic, WithPromptLookup) {
  PromptLookup proposer({.shortest = 1, .longest = 4});
  const ReplyCounts counts = RunTraffic(&proposer, kForced);
  EXPECT_GT(counts.accepted_tokens, 200);
}

TEST(EngineTraffic, WithMeasuredLengths) {
  GuessProposer proposer(GuessProposer::Kind::kRandom);
  RunTraffic(&proposer, {.most = 16, .least = 1, .lengths = DraftLengths::kMeasured});
}

// The draft has the target's logits, another context and another number of blocks: too few at
// times.
TEST(EngineTraffic, WithADraftModel) {
  for (const std::int32_t blocks : {6, 12, 40}) {
    ExecutorLimits limits = kLimits;
    limits.kv_blocks = blocks;
    limits.context = 300;
    limits.max_tokens = 37;
    limits.max_logit_rows = 5;
    MemoryExecutor executor(limits);
    DraftModel proposer(executor, kVocabulary);
    const ReplyCounts counts = RunTraffic(&proposer, kForced);
    EXPECT_GT(counts.accepted_tokens, counts.proposed_tokens * 8 / 10);
    EXPECT_GT(counts.accepted_tokens, 3000);
  }
}

TEST(EngineTraffic, WithADraftModelOfAnotherVocabulary) {
  for (const std::int32_t vocabulary : {40, 60}) {
    ExecutorLimits limits = kLimits;
    limits.vocabulary = vocabulary;
    MemoryExecutor executor(limits);
    DraftModel proposer(executor, kVocabulary);
    const ReplyCounts counts = RunTraffic(&proposer, kForced);
    EXPECT_GT(counts.proposed_tokens, 400) << "the smaller one cannot read every prompt";
  }
}

}  // namespace
}  // namespace millrace

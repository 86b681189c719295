// The prefix cache as the engine uses it: what is computed, what is not, and that it shows nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "engine/memory_executor.h"

namespace millrace {
namespace {

constexpr ExecutorLimits kLimits{
    .vocabulary = 50, .context = 512, .kv_blocks = 16, .max_tokens = 100, .max_logit_rows = 8};

Request Counting(std::int32_t first, std::size_t prompt_tokens, std::int32_t max_new_tokens) {
  Request request;
  for (std::size_t i = 0; i < prompt_tokens; ++i)
    request.prompt.push_back(TokenId{(first + static_cast<std::int32_t>(i * i)) % 50});
  request.sampling.temperature = 0;
  request.max_new_tokens = max_new_tokens;
  return request;
}

struct Outcome {
  std::vector<TokenId> tokens;
  ReplyCounts counts;
};

std::map<SequenceId, Outcome> RunAll(Engine& engine) {
  std::map<SequenceId, Outcome> outcomes;
  for (int step = 0; step < 10000 && !engine.idle(); ++step) {
    for (const TokenEvent& event : engine.Step()) {
      outcomes[event.sequence].tokens.push_back(event.token);
      outcomes[event.sequence].counts = event.counts;
    }
  }
  EXPECT_TRUE(engine.idle());
  return outcomes;
}

Outcome RunOne(Engine& engine, const Request& request) {
  const SequenceId id = *engine.Add(request);
  return RunAll(engine)[id];
}

TEST(EnginePrefix, ASecondPromptComputesOnlyWhatIsNew) {
  MemoryExecutor executor(kLimits);
  Engine engine(executor);
  const Outcome first = RunOne(engine, Counting(1, 200, 3));
  EXPECT_EQ(first.counts.cached_tokens, 0);
  executor.steps.clear();
  const Outcome again = RunOne(engine, Counting(1, 200, 3));
  EXPECT_EQ(again.counts.cached_tokens, 192);
  EXPECT_THAT(executor.steps, testing::ElementsAre(8, 1, 1));
  EXPECT_EQ(again.tokens, first.tokens);
}

TEST(EnginePrefix, AReplyThatIsSentBackIsCachedToo) {
  MemoryExecutor executor(kLimits);
  Engine engine(executor);
  Request request = Counting(1, 100, 100);
  const Outcome reply = RunOne(engine, request);
  request.prompt.insert(request.prompt.end(), reply.tokens.begin(), reply.tokens.end());
  request.max_new_tokens = 1;
  EXPECT_EQ(RunOne(engine, request).counts.cached_tokens, 192);
}

TEST(EnginePrefix, WithoutItEverythingIsComputed) {
  MemoryExecutor executor(kLimits);
  Engine engine(executor, {.prefix_cache = false});
  RunOne(engine, Counting(1, 200, 3));
  executor.steps.clear();
  EXPECT_EQ(RunOne(engine, Counting(1, 200, 3)).counts.cached_tokens, 0);
  EXPECT_THAT(executor.steps, testing::ElementsAre(100, 100, 1, 1));
}

TEST(EnginePrefix, AnExecutorThatKeepsItsOwnCacheIsNotSkipped) {
  ExecutorLimits limits = kLimits;
  limits.addressable_kv = false;
  MemoryExecutor executor(limits);
  Engine engine(executor);
  RunOne(engine, Counting(1, 200, 3));
  EXPECT_EQ(RunOne(engine, Counting(1, 200, 3)).counts.cached_tokens, 0);
}

TEST(EnginePrefix, AStoppedSequenceLeavesWhatItCompleted) {
  MemoryExecutor executor(kLimits);
  Engine engine(executor);
  const SequenceId id = *engine.Add(Counting(1, 300, 1));
  engine.Step();  // 100 tokens of the prompt: one block and a half
  engine.Stop(id);
  EXPECT_EQ(RunOne(engine, Counting(1, 300, 1)).counts.cached_tokens, 64);
}

TEST(EnginePrefix, SequencesThatArriveTogetherShareWhatTheFirstComputes) {
  MemoryExecutor executor(kLimits);
  Engine engine(executor);
  const SequenceId first = *engine.Add(Counting(1, 200, 1)),
                   second = *engine.Add(Counting(1, 200, 1));
  auto outcomes = RunAll(engine);
  EXPECT_EQ(outcomes[second].counts.cached_tokens, 192);
  EXPECT_EQ(outcomes[second].tokens, outcomes[first].tokens);
}

// The reply by definition: no engine, no blocks.
std::vector<TokenId> ReplyByDefinition(const Request& request) {
  auto sampler = Sampler::Build(request.sampling, 50, request.random_stream);
  std::vector<TokenId> tokens = request.prompt;
  for (const TokenId token : tokens) sampler->Accept(token);
  const std::size_t end = tokens.size() + static_cast<std::size_t>(request.max_new_tokens);
  while (tokens.size() < end) {
    const auto logits = MemoryExecutor::Logits(tokens, 50);
    tokens.push_back(sampler->Sample(logits, static_cast<std::int64_t>(tokens.size())));
    sampler->Accept(tokens.back());
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(request.prompt.size()), tokens.end()};
}

TEST(EnginePrefix, AnyTrafficUnderPressureGivesTheRepliesOfTheDefinition) {
  std::mt19937 random(5);
  std::int32_t cached = 0;
  for (const std::int32_t kv_blocks : {8, 11, 24}) {
    ExecutorLimits limits = kLimits;
    limits.kv_blocks = kv_blocks;
    MemoryExecutor executor(limits);
    Engine engine(executor);
    std::map<SequenceId, Request> requests;
    std::map<SequenceId, std::vector<TokenId>> replies;
    std::vector<std::vector<TokenId>> pasts;
    for (int step = 0; step < 3000 && (step < 1500 || !engine.idle()); ++step) {
      if (step < 1500 && random() % 12 == 0) {
        Request request = Counting(static_cast<std::int32_t>(random() % 3), 1 + random() % 150,
                                   static_cast<std::int32_t>(1 + random() % 80));
        if (!pasts.empty() && random() % 2 == 0) {  // goes on, or aside, from an earlier one
          request.prompt = pasts[random() % pasts.size()];
          request.prompt.resize(1 + random() % request.prompt.size());
        }
        request.sampling.temperature = random() % 2 == 0 ? 0.0f : 1.0f;
        requests[*engine.Add(request)] = request;
      }
      if (random() % 100 == 0 && !requests.empty()) {
        const auto victim = std::next(requests.begin(), random() % requests.size());
        engine.Stop(victim->first);
        replies.erase(victim->first);
        requests.erase(victim);
      }
      for (const TokenEvent& event : engine.Step()) {
        std::vector<TokenId>& reply = replies[event.sequence];
        reply.push_back(event.token);
        if (!event.finished.has_value()) continue;
        cached += event.counts.cached_tokens;
        const Request& request = requests.at(event.sequence);
        ASSERT_EQ(reply, ReplyByDefinition(request));
        pasts.push_back(request.prompt);
        pasts.back().insert(pasts.back().end(), reply.begin(), reply.end());
        pasts.back().resize(std::min<std::size_t>(pasts.back().size(), 400));
        requests.erase(event.sequence);
        replies.erase(event.sequence);
      }
    }
    EXPECT_TRUE(engine.idle());
    EXPECT_GT(pasts.size(), 60u);
  }
  EXPECT_GT(cached, 2000);
}

}  // namespace
}  // namespace millrace

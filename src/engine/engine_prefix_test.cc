// The prefix cache as the engine uses it: what is computed, what is not, and that it shows nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
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

}  // namespace
}  // namespace millrace

#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace millrace {
namespace {

// A "model" whose next token is (token + position) mod vocabulary, that checks what it is given:
// every position of a sequence is computed once, in order, and lies in a block that no other
// sequence holds.
class CountingExecutor final : public Executor {
 public:
  explicit CountingExecutor(ExecutorLimits limits) : limits_(limits) {}

  const ExecutorLimits& limits() const override { return limits_; }

  void Step(std::span<const StepSequence> sequences) override {
    rows_.clear();
    std::size_t tokens = 0;
    std::map<std::int32_t, int> blocks;
    for (const StepSequence& sequence : sequences) {
      for (const std::int32_t block : sequence.kv_blocks)
        EXPECT_EQ(blocks[block]++, 0) << "block shared";
      const auto end = sequence.first_position + static_cast<std::int32_t>(sequence.tokens.size());
      EXPECT_LE(end, limits_.context);
      EXPECT_LE(end, static_cast<std::int32_t>(sequence.kv_blocks.size()) * kPositionsPerKvBlock);
      tokens += sequence.tokens.size();
      if (sequence.logits != LogitsWanted::kLast) continue;
      std::vector<float> row(static_cast<std::size_t>(limits_.vocabulary), 0.0f);
      row[static_cast<std::size_t>((sequence.tokens.back().value + end) % limits_.vocabulary)] =
          1.0f;
      rows_.push_back(row);
    }
    EXPECT_LE(tokens, static_cast<std::size_t>(limits_.max_tokens));
    EXPECT_LE(rows_.size(), static_cast<std::size_t>(limits_.max_logit_rows));
    steps.push_back(tokens);
  }

  std::span<const float> logits(std::size_t row) const override { return rows_[row]; }

  std::vector<std::size_t> steps;  // tokens of each

 private:
  ExecutorLimits limits_;
  std::vector<std::vector<float>> rows_;
};

constexpr ExecutorLimits kLimits{
    .vocabulary = 50, .context = 128, .kv_blocks = 4, .max_tokens = 16, .max_logit_rows = 8};

Request Greedy(std::size_t prompt_tokens, std::int32_t first, std::int32_t max_new_tokens) {
  Request request;
  for (std::size_t i = 0; i < prompt_tokens; ++i) request.prompt.push_back(TokenId{first});
  request.sampling.temperature = 0;
  request.max_new_tokens = max_new_tokens;
  return request;
}

// The tokens of every sequence and how each ended.
struct Replies {
  std::map<SequenceId, std::vector<std::int32_t>> tokens;
  std::map<SequenceId, FinishReason> finished;
};

Replies RunAll(Engine& engine) {
  Replies replies;
  for (int step = 0; step < 1000 && !engine.idle(); ++step) {
    for (const TokenEvent& event : engine.Step()) {
      replies.tokens[event.sequence].push_back(event.token.value);
      if (event.finished) replies.finished.emplace(event.sequence, *event.finished);
    }
  }
  EXPECT_TRUE(engine.idle());
  return replies;
}

TEST(Engine, CompanyDoesNotChangeAReply) {
  const std::vector<Request> requests = {Greedy(3, 1, 10), Greedy(40, 2, 5), Greedy(1, 3, 20),
                                         Greedy(17, 4, 1)};
  std::vector<std::vector<std::int32_t>> alone;
  for (const Request& request : requests) {
    CountingExecutor executor(kLimits);
    Engine engine(executor);
    const auto id = engine.Add(request);
    ASSERT_TRUE(id.ok());
    alone.push_back(RunAll(engine).tokens[*id]);
    EXPECT_EQ(alone.back().size(), static_cast<std::size_t>(request.max_new_tokens));
  }
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  std::vector<SequenceId> ids;
  for (const Request& request : requests) ids.push_back(*engine.Add(request));
  Replies together = RunAll(engine);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(together.tokens[ids[i]], alone[i]);
}

TEST(Engine, SequencesWaitForBlocksAndAllGetTheirTurn) {
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  for (int i = 0; i < 7; ++i)
    ASSERT_TRUE(engine.Add(Greedy(10, i, 110)).ok());  // two blocks each, of four
  const Replies replies = RunAll(engine);
  EXPECT_EQ(replies.tokens.size(), 7u);
  for (const auto& [id, tokens] : replies.tokens) EXPECT_EQ(tokens.size(), 110u);
}

TEST(Engine, ALongPromptIsCutIntoStepsThatTheExecutorCanHold) {
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  ASSERT_TRUE(engine.Add(Greedy(40, 1, 2)).ok());
  RunAll(engine);
  EXPECT_THAT(executor.steps, testing::ElementsAre(16, 16, 8, 1));
}

TEST(Engine, AFullContextEndsTheReplyAndSaysSo) {
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  const SequenceId id = *engine.Add(Greedy(100, 1, -1));
  const Replies replies = RunAll(engine);
  EXPECT_EQ(replies.finished.at(id), FinishReason::kContextFull);
  EXPECT_EQ(replies.tokens.at(id).size(), 29u);  // positions 100..127, and the token after the last
}

TEST(Engine, AnEndTokenEndsTheReply) {
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  Request request = Greedy(1, 0, -1);
  request.end_tokens = {TokenId{6}};  // 0, then 0 + 1 = 1, 1 + 2 = 3, 3 + 3 = 6
  const SequenceId id = *engine.Add(request);
  const Replies replies = RunAll(engine);
  EXPECT_THAT(replies.tokens.at(id), testing::ElementsAre(1, 3, 6));
  EXPECT_EQ(replies.finished.at(id), FinishReason::kEndToken);
}

TEST(Engine, AStoppedSequenceGivesItsBlocksBack) {
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  const SequenceId first = *engine.Add(Greedy(1, 0, -1)), second = *engine.Add(Greedy(1, 0, -1));
  const SequenceId third = *engine.Add(Greedy(1, 0, -1));  // waits: two blocks each, of four
  engine.Step();
  engine.Stop(first);
  engine.Stop(second);
  const auto events = engine.Step();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].sequence, third);
}

TEST(Engine, RefusesWhatItCannotRun) {
  CountingExecutor executor(kLimits);
  Engine engine(executor);
  EXPECT_EQ(engine.Add(Greedy(0, 0, 1)).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(engine.Add(Greedy(1, 50, 1)).error().message,
            "prompt: token 50 is not in the vocabulary of 50");
  EXPECT_EQ(engine.Add(Greedy(129, 0, 1)).error().code, ErrorCode::kExhausted);
  EXPECT_TRUE(engine.idle());
}

TEST(KvBlockPool, GivesTheLowestFreeBlocks) {
  KvBlockPool pool(5);
  const auto first = pool.Take(3);
  EXPECT_THAT(first, testing::ElementsAre(0, 1, 2));
  pool.Give({1});
  EXPECT_THAT(pool.Take(2), testing::ElementsAre(1, 3));
  EXPECT_EQ(pool.free_blocks(), 1);
}

}  // namespace
}  // namespace millrace

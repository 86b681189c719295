// An executor for tests of the engine that remembers instead of computing: a KV block holds the
// tokens that were written into it, and a token's logits follow from the tokens that its block
// table leads to. So a reply is right only if every block that a sequence reads holds its own past.
// With a window it writes the tokens a second time, and checks what the window of each token shows.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "engine/executor.h"

namespace millrace {

class MemoryExecutor final : public Executor {
 public:
  explicit MemoryExecutor(ExecutorLimits limits)
      : limits_(limits),
        memory_(static_cast<std::size_t>(limits.kv_blocks * kPositionsPerKvBlock), TokenId{-1}),
        window_memory_(static_cast<std::size_t>(limits.window_blocks * kPositionsPerKvBlock),
                       TokenId{-1}) {}

  const ExecutorLimits& limits() const override { return limits_; }

  void Step(std::span<const StepSequence> sequences) override {
    rows_.clear();
    CheckStep(sequences);
    for (const StepSequence& sequence : sequences) {
      for (std::size_t i = 0; i < sequence.tokens.size(); ++i)
        At(sequence, sequence.first_position + static_cast<std::int32_t>(i)) = sequence.tokens[i];
      if (limits_.window > 0) WriteWindow(sequence);
    }
    std::size_t tokens = 0;
    for (const StepSequence& sequence : sequences) {
      const auto count = static_cast<std::int32_t>(sequence.tokens.size());
      tokens += sequence.tokens.size();
      for (std::int32_t i = 0; i < count; ++i) {
        const bool wanted = sequence.logits == LogitsWanted::kAll ||
                            (sequence.logits == LogitsWanted::kLast && i + 1 == count);
        if (wanted) rows_.push_back(LogitsAfter(sequence, sequence.first_position + i));
      }
    }
    EXPECT_LE(rows_.size(), static_cast<std::size_t>(limits_.max_logit_rows));
    steps.push_back(tokens);
  }

  std::span<const float> logits(std::size_t row) const override { return rows_[row]; }

  // The logits behind `tokens`: any function of all of them. The best token is the sum of the last
  // two modulo the vocabulary, or, for every fifth of all pasts, another one.
  static std::vector<float> Logits(std::span<const TokenId> tokens, std::int32_t vocabulary) {
    std::uint32_t hash = 1;
    for (const TokenId token : tokens)
      hash = (hash ^ static_cast<std::uint32_t>(token.value)) * 0x01000193u + 0x9e3779b9u;
    std::vector<float> logits(static_cast<std::size_t>(vocabulary));
    for (std::size_t i = 0; i < logits.size(); ++i) {
      hash = hash * 1664525u + 1013904223u;
      logits[i] = static_cast<float>(hash >> 16) / 65536.0f;
    }
    std::int32_t best = tokens.back().value;
    if (tokens.size() > 1) best += tokens[tokens.size() - 2].value;
    if ((hash >> 8) % 5 != 0) logits[static_cast<std::size_t>(best % vocabulary)] += 3.0f;
    return logits;
  }

  std::vector<std::size_t> steps;  // tokens of each

 private:
  TokenId& At(const StepSequence& sequence, std::int32_t position) {
    const std::int32_t block =
        sequence.kv_blocks[static_cast<std::size_t>(position / kPositionsPerKvBlock)];
    return memory_[static_cast<std::size_t>(block * kPositionsPerKvBlock +
                                            position % kPositionsPerKvBlock)];
  }

  TokenId& WindowAt(const StepSequence& sequence, std::int32_t position) {
    const std::int32_t block =
        sequence.window_blocks[static_cast<std::size_t>(position / kPositionsPerKvBlock)];
    EXPECT_TRUE(block >= 0 && block < limits_.window_blocks) << "position " << position;
    return window_memory_[static_cast<std::size_t>(std::clamp(block, 0, limits_.window_blocks - 1) *
                                                       kPositionsPerKvBlock +
                                                   position % kPositionsPerKvBlock)];
  }

  void WriteWindow(const StepSequence& sequence) {
    for (std::size_t i = 0; i < sequence.tokens.size(); ++i)
      WindowAt(sequence, sequence.first_position + static_cast<std::int32_t>(i)) =
          sequence.tokens[i];
  }

  std::vector<float> LogitsAfter(const StepSequence& sequence, std::int32_t position) {
    std::vector<TokenId> past;
    for (std::int32_t i = 0; i <= position; ++i) past.push_back(At(sequence, i));
    for (std::int32_t i = std::max(position - limits_.window + 1, 0);
         limits_.window > 0 && i <= position; ++i)
      EXPECT_EQ(WindowAt(sequence, i).value, past[static_cast<std::size_t>(i)].value) << i;
    return Logits(past, limits_.vocabulary);
  }

  // Nobody writes into a block that another one in the step has, and all is within the limits.
  void CheckStep(std::span<const StepSequence> sequences) const {
    std::size_t tokens = 0;
    std::map<std::int32_t, int> holders;
    std::set<std::int32_t> written;
    for (const StepSequence& sequence : sequences) {
      EXPECT_FALSE(sequence.tokens.empty());
      for (const TokenId token : sequence.tokens)
        EXPECT_TRUE(token.value >= 0 && token.value < limits_.vocabulary) << token.value;
      const auto end = sequence.first_position + static_cast<std::int32_t>(sequence.tokens.size());
      EXPECT_LE(end, limits_.context);
      EXPECT_LE(end, static_cast<std::int32_t>(sequence.kv_blocks.size()) * kPositionsPerKvBlock);
      tokens += sequence.tokens.size();
      for (const std::int32_t block : sequence.kv_blocks) ++holders[block];
      for (std::int32_t i = sequence.first_position / kPositionsPerKvBlock;
           i <= (end - 1) / kPositionsPerKvBlock; ++i)
        written.insert(sequence.kv_blocks[static_cast<std::size_t>(i)]);
    }
    for (const std::int32_t block : written) EXPECT_EQ(holders[block], 1) << "written and shared";
    EXPECT_LE(tokens, static_cast<std::size_t>(limits_.max_tokens));
  }

  ExecutorLimits limits_;
  std::vector<TokenId> memory_;         // [kv_blocks, 64]
  std::vector<TokenId> window_memory_;  // [window_blocks, 64]
  std::vector<std::vector<float>> rows_;
};

}  // namespace millrace

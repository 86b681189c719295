// The perplexity of an executor whose logits are known, against the definition written out plainly.
#include "engine/perplexity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace millrace {
namespace {

constexpr std::int32_t kVocabulary = 11;

// The logit of `next` after these tokens: any numbers that depend on all of them.
float Logit(std::span<const TokenId> past, std::int32_t next) {
  double sum = 0;
  for (std::size_t i = 0; i < past.size(); ++i)
    sum += std::sin(static_cast<double>((i + 1) * static_cast<std::size_t>(past[i].value + 2)));
  return static_cast<float>(3 * std::sin(sum * 5 + next * 1.7));
}

// One sequence, whose positions must come one after the other from 0.
class KnownExecutor final : public Executor {
 public:
  explicit KnownExecutor(std::int32_t max_tokens = 512, std::int32_t max_logit_rows = 512) {
    limits_ = {.vocabulary = kVocabulary,
               .context = 64,
               .kv_blocks = 1,
               .max_tokens = max_tokens,
               .max_logit_rows = max_logit_rows};
  }

  const ExecutorLimits& limits() const override { return limits_; }

  void Step(std::span<const StepSequence> sequences) override {
    ASSERT_EQ(sequences.size(), 1u);
    const StepSequence& step = sequences[0];
    ASSERT_LE(step.tokens.size(), static_cast<std::size_t>(limits_.max_tokens));
    past_.resize(static_cast<std::size_t>(step.first_position));
    rows_.clear();
    for (const TokenId token : step.tokens) {
      past_.push_back(token);
      if (step.logits != LogitsWanted::kAll) continue;
      std::vector<float>& row = rows_.emplace_back();
      for (std::int32_t next = 0; next < kVocabulary; ++next)
        row.push_back(broken ? std::nanf("") : Logit(past_, next));
    }
    ASSERT_LE(rows_.size(), static_cast<std::size_t>(limits_.max_logit_rows));
    rows_computed += rows_.size();
  }

  std::span<const float> logits(std::size_t row) const override { return rows_.at(row); }

  bool broken = false;
  std::size_t rows_computed = 0;

 private:
  ExecutorLimits limits_;
  std::vector<TokenId> past_;
  std::vector<std::vector<float>> rows_;
};

std::vector<TokenId> Text(int count) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(TokenId{(i * i + 3 * i) % kVocabulary});
  return tokens;
}

// -log p of every token that counts.
std::vector<double> Expected(std::vector<TokenId> tokens, int context, int chunks,
                             std::optional<TokenId> bos) {
  std::vector<double> nll;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    std::vector<TokenId> part(tokens.begin() + chunk * context,
                              tokens.begin() + (chunk + 1) * context);
    if (bos) part[0] = *bos;
    for (int position = context / 2 + 1; position < context; ++position) {
      const auto past = std::span(part).first(static_cast<std::size_t>(position));
      double sum = 0;
      for (std::int32_t next = 0; next < kVocabulary; ++next) sum += std::exp(Logit(past, next));
      const std::int32_t token = part[static_cast<std::size_t>(position)].value;
      nll.push_back(-std::log(std::exp(Logit(past, token)) / sum));
    }
  }
  return nll;
}

bool GoOn(const PerplexitySums&) { return true; }

PerplexitySums Measure(const PerplexityOptions& options, int tokens = 100,
                       KnownExecutor executor = KnownExecutor()) {
  return MeasurePerplexity(executor, Text(tokens), options, GoOn).value();
}

TEST(MeasurePerplexity, IsThatOfTheSecondHalvesOfTheChunks) {
  for (const auto bos : {std::optional<TokenId>(), std::optional<TokenId>(TokenId{1})}) {
    for (const int context : {4, 7, 20, 50}) {
      const PerplexitySums sums = Measure({.context = context, .chunks = -1, .bos = bos});
      const auto nll = Expected(Text(100), context, 100 / context, bos);
      ASSERT_EQ(sums.tokens, static_cast<std::int64_t>(nll.size()));
      EXPECT_EQ(sums.chunks, 100 / context);
      double mean = 0;
      for (const double one : nll) mean += one / static_cast<double>(nll.size());
      double variance = 0;  // of the mean
      const auto n = static_cast<double>(nll.size());
      for (const double one : nll) variance += (one - mean) * (one - mean) / n / (n - 1);
      EXPECT_NEAR(sums.value(), std::exp(mean), 1e-5 * std::exp(mean)) << context;
      EXPECT_NEAR(sums.error(), std::sqrt(variance) * std::exp(mean), 1e-5 * std::exp(mean));
    }
  }
}

TEST(MeasurePerplexity, HowStepsAreCutChangesNoBit) {
  const PerplexityOptions options{.context = 33, .chunks = -1, .bos = TokenId{1}};
  const PerplexitySums whole = Measure(options);
  for (const auto& [tokens, rows] : {std::pair{1, 1}, {5, 2}, {7, 7}, {2, 100}, {64, 3}}) {
    const PerplexitySums cut = Measure(options, 100, KnownExecutor(tokens, rows));
    EXPECT_EQ(cut.nll, whole.nll);
    EXPECT_EQ(cut.nll2, whole.nll2);
  }
}

TEST(MeasurePerplexity, ComputesNoLogitsThatDoNotCount) {
  KnownExecutor executor;
  const PerplexityOptions options{.context = 20, .chunks = 2, .bos = {}};
  ASSERT_TRUE(MeasurePerplexity(executor, Text(100), options, GoOn).ok());
  EXPECT_EQ(executor.rows_computed, 2u * 9);
}

TEST(MeasurePerplexity, TellsTheRunningValueAndStopsWhenItIsTold) {
  KnownExecutor executor;
  std::vector<double> values;
  const auto sums = MeasurePerplexity(executor, Text(100), {.context = 20, .chunks = 4, .bos = {}},
                                      [&](const PerplexitySums& so_far) {
                                        values.push_back(so_far.value());
                                        return so_far.chunks < 3;
                                      });
  ASSERT_EQ(values.size(), 3u);
  EXPECT_EQ(sums->chunks, 3);
  EXPECT_EQ(values[0], Measure({.context = 20, .chunks = 1, .bos = {}}).value());
  EXPECT_EQ(values[2], Measure({.context = 20, .chunks = 3, .bos = {}}).value());
}

TEST(MeasurePerplexity, LogitsThatAreNoNumbersGiveInfinity) {
  KnownExecutor executor;
  executor.broken = true;
  const auto sums =
      MeasurePerplexity(executor, Text(40), {.context = 20, .chunks = -1, .bos = {}}, GoOn);
  EXPECT_EQ(sums->value(), std::numeric_limits<double>::infinity());
}

TEST(MeasurePerplexity, RefusesWhatItCannotMeasure) {
  const auto error = [](int tokens, const PerplexityOptions& options) {
    KnownExecutor executor;
    return MeasurePerplexity(executor, Text(tokens), options, GoOn).error();
  };
  EXPECT_THAT(error(39, {.context = 20, .chunks = -1, .bos = {}}).message,
              testing::HasSubstr("has 39 tokens, wanted 40"));
  EXPECT_EQ(error(300, {.context = 65, .chunks = -1, .bos = {}}).code, ErrorCode::kExhausted);
  EXPECT_EQ(error(300, {.context = 3, .chunks = -1, .bos = {}}).code, ErrorCode::kInvalid);
  EXPECT_EQ(error(300, {.context = 20, .chunks = 0, .bos = {}}).code, ErrorCode::kInvalid);
  KnownExecutor executor;
  std::vector<TokenId> tokens = Text(40);
  tokens[30] = TokenId{kVocabulary};
  const auto unknown =
      MeasurePerplexity(executor, tokens, {.context = 20, .chunks = -1, .bos = {}}, GoOn);
  EXPECT_THAT(unknown.error().message, testing::HasSubstr("token 11 is not in the vocabulary"));
}

TEST(PerplexitySums, NothingMeasuredIsNoSurprise) {
  EXPECT_EQ(PerplexitySums().value(), 1.0);
  EXPECT_EQ(PerplexitySums().error(), 0.0);
}

}  // namespace
}  // namespace millrace

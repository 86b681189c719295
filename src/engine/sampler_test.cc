#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <new>
#include <utility>
#include <vector>

#include "base/philox.h"

// Counts what this program allocates, for the promise that Sample() takes no memory. (Inlined, they
// would look mismatched to GCC.)
namespace {
std::atomic<std::size_t> allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Temperature 1, and every filter off.
SamplingParameters Plain() {
  SamplingParameters parameters;
  parameters.temperature = 1;
  parameters.top_k = 0;
  parameters.top_p = 1;
  parameters.min_p = 0;
  return parameters;
}
SamplingParameters Greedy() {
  SamplingParameters parameters;
  parameters.temperature = 0;
  return parameters;
}

Sampler Make(const SamplingParameters& parameters, std::size_t vocabulary_size,
             std::uint64_t sequence = 0) {
  return Sampler::Build(parameters, vocabulary_size, sequence).value();
}

// Integer arithmetic and one exact division: the same on every machine. With ties.
std::vector<float> Logits(std::size_t count, std::uint64_t seed) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i) {
    logits[i] = static_cast<float>(Draw(seed, 9, i)[0] % 1500) / 128 - 4;
  }
  return logits;
}

// The chain written down without a thought for speed: the probability of every token that may come.
std::map<int, double> Probabilities(const SamplingParameters& parameters,
                                    const std::vector<float>& logits) {
  std::vector<std::pair<double, int>> ranked;  // minus the logit, id: ascending is best first
  for (std::size_t i = 0; i < logits.size(); ++i) ranked.emplace_back(-logits[i], i);
  std::sort(ranked.begin(), ranked.end());
  const double best = -ranked[0].first;
  if (parameters.top_k > 0) {
    ranked.resize(std::min(ranked.size(), static_cast<std::size_t>(parameters.top_k)));
  }
  double mass = 0;
  for (const auto& [minus_logit, id] : ranked) mass += std::exp(-minus_logit - best);
  double sum = 0;
  std::size_t kept = 0;
  while (kept < ranked.size() && (kept == 0 || sum < double{parameters.top_p} * mass)) {
    sum += std::exp(-ranked[kept++].first - best);
  }
  ranked.resize(kept);
  std::map<int, double> probabilities;
  double total = 0;
  for (const auto& [minus_logit, id] : ranked) {
    if (std::exp(-minus_logit - best) < parameters.min_p) continue;
    total += probabilities[id] = std::exp((-minus_logit - best) / parameters.temperature);
  }
  for (auto& [id, probability] : probabilities) probability /= total;
  return probabilities;
}

// A token of probability p is drawn n p times in n draws, with deviation sqrt(n p (1-p)); the draws
// are fixed, so that five deviations (and one draw, where n p is small) hold for ever or never. No
// other token is drawn.
void ExpectFrequencies(const SamplingParameters& parameters, const std::vector<float>& logits) {
  constexpr int kDraws = 40'000;
  Sampler sampler = Make(parameters, logits.size());
  std::map<int, int> counts;
  for (int position = 0; position < kDraws; ++position) {
    ++counts[sampler.Sample(logits, position).value];
  }
  const auto probabilities = Probabilities(parameters, logits);
  for (const auto& [id, p] : probabilities) {
    EXPECT_NEAR(counts[id], kDraws * p, 1 + 5 * std::sqrt(kDraws * p * (1 - p))) << "token " << id;
  }
  for (const auto& [id, count] : counts) {
    EXPECT_TRUE(probabilities.contains(id)) << "token " << id << " came " << count << " times";
  }
}

TEST(Sampler, DrawsEachTokenAsOftenAsItsProbabilityWithoutFilters) {
  ExpectFrequencies(Plain(), Logits(50, 1));
  ExpectFrequencies(Plain(), Logits(300, 2));
}

TEST(Sampler, DrawsEachTokenAsOftenAsItsProbabilityWithTheDefaults) {
  ExpectFrequencies(SamplingParameters(), Logits(50, 1));
  ExpectFrequencies(SamplingParameters(), Logits(5000, 3));
}

TEST(Sampler, EachFilterAloneKeepsWhatItShould) {
  for (const std::size_t count : {30u, 1000u}) {
    SamplingParameters parameters = Plain();
    parameters.top_k = 7;
    ExpectFrequencies(parameters, Logits(count, 4));
    parameters = Plain();
    parameters.top_p = 0.6f;
    ExpectFrequencies(parameters, Logits(count, 4));
    parameters = Plain();
    parameters.min_p = 0.2f;
    ExpectFrequencies(parameters, Logits(count, 4));
    parameters = Plain();
    parameters.temperature = 0.3f;
    ExpectFrequencies(parameters, Logits(count, 4));
  }
}

TEST(Sampler, FiltersWorkTogetherInTheirOrder) {
  SamplingParameters parameters;
  parameters.top_k = 20;
  parameters.top_p = 0.7f;
  parameters.min_p = 0.3f;
  parameters.temperature = 2;
  ExpectFrequencies(parameters, Logits(40, 5));
  parameters.top_k = 0;
  ExpectFrequencies(parameters, Logits(40, 5));
}

// The share of 0.95 then needs more than the 256 and 2048 tokens that are looked at first.
TEST(Sampler, TopPOfFlatLogitsKeepsThousands) {
  SamplingParameters parameters = Plain();
  parameters.top_p = 0.95f;
  const std::vector<float> logits(4000, 1.0f);
  Sampler sampler = Make(parameters, logits.size());
  int highest = 0;
  for (int position = 0; position < 3000; ++position) {
    highest = std::max(highest, sampler.Sample(logits, position).value);
  }
  EXPECT_GT(highest, 3700);  // 3000 draws among 3800 ids miss the last 100 once in e^80 times
  EXPECT_LT(highest, 3800);  // equals are kept by lower id
}

TEST(Sampler, TopKOfTheVocabularyIsTopKOff) {
  const auto logits = Logits(100, 6);
  SamplingParameters all = Plain();
  all.top_k = 100;
  SamplingParameters more = Plain();
  more.top_k = 1'000'000;
  SamplingParameters off = Plain();
  off.top_k = -1;
  Sampler samplers[] = {Make(Plain(), 100), Make(all, 100), Make(more, 100), Make(off, 100)};
  for (int position = 0; position < 200; ++position) {
    const TokenId wanted = samplers[0].Sample(logits, position);
    for (Sampler& sampler : samplers) EXPECT_EQ(sampler.Sample(logits, position), wanted);
  }
}

TEST(Sampler, FiltersAtTheirStrictestLeaveTheBestToken) {
  auto logits = Logits(1000, 7);
  logits[321] = 50;
  SamplingParameters top_k = Plain();
  top_k.top_k = 1;
  SamplingParameters top_p = Plain();
  top_p.top_p = 0;
  SamplingParameters min_p = Plain();
  min_p.min_p = 1;
  SamplingParameters cold = Plain();
  cold.temperature = std::numeric_limits<float>::denorm_min();
  for (const auto& parameters : {top_k, top_p, min_p, cold, Greedy()}) {
    Sampler sampler = Make(parameters, logits.size());
    for (int position = 0; position < 50; ++position) {
      EXPECT_EQ(sampler.Sample(logits, position), TokenId{321});
    }
  }
}

TEST(Sampler, GreedyTiesGoToTheLowestId) {
  Sampler sampler = Make(Greedy(), 4);
  EXPECT_EQ(sampler.Sample(std::vector<float>{1, 3, 3, 2}, 0), TokenId{1});
}

TEST(Sampler, TopKTiesGoToTheLowestIds) {
  SamplingParameters parameters = Plain();
  parameters.top_k = 2;
  Sampler sampler = Make(parameters, 200);
  const std::vector<float> logits(200, 1.0f);
  for (int position = 0; position < 50; ++position) {
    EXPECT_LE(sampler.Sample(logits, position).value, 1);
  }
}

TEST(Sampler, TheChoiceDependsOnSeedSequenceAndPositionOnly) {
  const auto logits = Logits(1000, 8);
  SamplingParameters other_seed = Plain();
  other_seed.seed = 1;
  Sampler first = Make(Plain(), 1000, 5);
  Sampler second = Make(Plain(), 1000, 5);
  Sampler seeded = Make(other_seed, 1000, 5);
  Sampler neighbour = Make(Plain(), 1000, 6);
  int by_seed = 0;
  int by_sequence = 0;
  int by_position = 0;
  for (int position = 0; position < 100; ++position) {
    const TokenId token = first.Sample(logits, position);
    EXPECT_EQ(first.Sample(logits, position), token);  // and not on how often it is asked
    second.Sample(logits, 99 - position);              // nor in which order
    EXPECT_EQ(second.Sample(logits, position), token);
    by_seed += seeded.Sample(logits, position) != token;
    by_sequence += neighbour.Sample(logits, position) != token;
    by_position += first.Sample(logits, position + 1) != token;
  }
  EXPECT_GT(by_seed, 80);
  EXPECT_GT(by_sequence, 80);
  EXPECT_GT(by_position, 80);
}

TEST(Sampler, AMovedSamplerGoesOn) {
  const auto logits = Logits(500, 8);
  SamplingParameters parameters;
  parameters.repeat_penalty = 1.5f;
  Sampler stayed = Make(parameters, 500);
  Sampler moved_from = Make(parameters, 500);
  stayed.Accept(TokenId{3});
  moved_from.Accept(TokenId{3});
  Sampler moved = std::move(moved_from);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(moved.Sample(logits, i), stayed.Sample(logits, i));
}

// Nothing below may change for a given version of the contract: not with the compiler, the CPU or
// the build type.
TEST(Sampler, RepliesAreTheSameOnEveryMachine) {
  SamplingParameters penalised;
  penalised.repeat_penalty = 1.1f;
  penalised.frequency_penalty = 0.25f;
  SamplingParameters nucleus = Plain();
  nucleus.top_p = 0.9f;
  nucleus.temperature = 0.7f;
  SamplingParameters min_p = Plain();
  min_p.min_p = 0.1f;
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (SamplingParameters parameters : {Plain(), SamplingParameters(), penalised, nucleus, min_p}) {
    parameters.seed = 20240607;
    Sampler sampler = Make(parameters, 3000, 1);
    for (int position = 0; position < 300; ++position) {
      const auto logits = Logits(3000, static_cast<std::uint64_t>(position));
      const TokenId token = sampler.Sample(logits, position);
      sampler.Accept(token);
      hash = (hash ^ static_cast<std::uint64_t>(token.value)) * 0x100000001b3;
    }
  }
  EXPECT_EQ(hash, 3293246813159354967u);
}

// The penalties are seen through greedy choices: a token is chosen as long as its logit is above
// that of token 0.
TEST(SamplerPenalties, RepeatDividesPositiveLogitsAndMultipliesNegativeOnes) {
  SamplingParameters parameters = Greedy();
  parameters.repeat_penalty = 2;
  Sampler sampler = Make(parameters, 2);
  sampler.Accept(TokenId{1});
  sampler.Accept(TokenId{1});  // once or twice: the same
  EXPECT_EQ(sampler.Sample(std::vector<float>{1.99f, 4}, 0), TokenId{1});
  EXPECT_EQ(sampler.Sample(std::vector<float>{2.01f, 4}, 0), TokenId{0});
  EXPECT_EQ(sampler.Sample(std::vector<float>{-8.01f, -4}, 0), TokenId{1});
  EXPECT_EQ(sampler.Sample(std::vector<float>{-7.99f, -4}, 0), TokenId{0});
}

TEST(SamplerPenalties, FrequencyCountsAndPresenceDoesNot) {
  SamplingParameters parameters = Greedy();
  parameters.frequency_penalty = 1;
  parameters.presence_penalty = 0.5f;
  Sampler sampler = Make(parameters, 2);
  for (int i = 0; i < 3; ++i) sampler.Accept(TokenId{1});
  EXPECT_EQ(sampler.Sample(std::vector<float>{0, 3.51f}, 0), TokenId{1});
  EXPECT_EQ(sampler.Sample(std::vector<float>{0, 3.49f}, 0), TokenId{0});
}

TEST(SamplerPenalties, EndWithTheWindow) {
  SamplingParameters parameters = Greedy();
  parameters.presence_penalty = 10;
  parameters.repeat_last_n = 3;
  Sampler sampler = Make(parameters, 3);
  const std::vector<float> logits = {0, 5, -100};
  sampler.Accept(TokenId{1});
  for (int i = 0; i < 2; ++i) sampler.Accept(TokenId{2});
  EXPECT_EQ(sampler.Sample(logits, 0), TokenId{0});
  sampler.Accept(TokenId{2});
  EXPECT_EQ(sampler.Sample(logits, 0), TokenId{1});
}

TEST(SamplerPenalties, AWindowOf0SwitchesThemOff) {
  SamplingParameters parameters = Greedy();
  parameters.presence_penalty = 10;
  parameters.repeat_last_n = 0;
  Sampler sampler = Make(parameters, 2);
  sampler.Accept(TokenId{1});
  EXPECT_EQ(sampler.Sample(std::vector<float>{0, 5}, 0), TokenId{1});
}

TEST(SamplerBias, IsAddedBeforeThePenalties) {
  SamplingParameters parameters = Greedy();
  parameters.logit_bias = {{TokenId{1}, 2}, {TokenId{1}, 1}};
  parameters.repeat_penalty = 2;
  Sampler sampler = Make(parameters, 2);
  EXPECT_EQ(sampler.Sample(std::vector<float>{3.99f, 1}, 0), TokenId{1});  // 1 + 3
  sampler.Accept(TokenId{1});
  EXPECT_EQ(sampler.Sample(std::vector<float>{1.99f, 1}, 0), TokenId{1});  // (1 + 3) / 2
  EXPECT_EQ(sampler.Sample(std::vector<float>{2.01f, 1}, 0), TokenId{0});
}

TEST(SamplerBias, OfMinusInfinityBans) {
  SamplingParameters parameters;
  parameters.temperature = 5;
  parameters.logit_bias = {{TokenId{1}, -kInfinity}};
  Sampler sampler = Make(parameters, 3);
  for (int position = 0; position < 200; ++position) {
    EXPECT_NE(sampler.Sample(std::vector<float>{1, 2, 1.5f}, position), TokenId{1});
  }
}

TEST(SamplerBias, OfATokenOutsideTheVocabularyIsInvalid) {
  SamplingParameters parameters;
  parameters.logit_bias = {{TokenId{100}, 1}};
  const auto sampler = Sampler::Build(parameters, 100, 0);
  ASSERT_FALSE(sampler.ok());
  EXPECT_THAT(sampler.error().message, HasSubstr("token 100, the vocabulary has 100"));
}

TEST(Sampler, InvalidParametersAreAnError) {
  SamplingParameters parameters;
  parameters.top_p = 2;
  EXPECT_FALSE(Sampler::Build(parameters, 100, 0).ok());
}

std::vector<SamplingParameters> EveryPath() {
  SamplingParameters top_p = Plain();
  top_p.top_p = 0.9f;
  SamplingParameters min_p = Plain();
  min_p.min_p = 0.1f;
  SamplingParameters top_k = Plain();
  top_k.top_k = 5;
  return {Greedy(), Plain(), SamplingParameters(), top_k, top_p, min_p};
}

TEST(SamplerOddLogits, NaNIsNeverChosen) {
  std::vector<float> logits(300, kNaN);
  for (std::size_t i = 0; i < logits.size(); i += 7) logits[i] = static_cast<float>(i % 3);
  for (const auto& parameters : EveryPath()) {
    Sampler sampler = Make(parameters, logits.size());
    for (int i = 0; i < 300; ++i) EXPECT_EQ(sampler.Sample(logits, i).value % 7, 0);
  }
}

TEST(SamplerOddLogits, NothingButNaNGivesToken0) {
  const std::vector<float> logits(300, kNaN);
  for (const auto& parameters : EveryPath()) {
    EXPECT_EQ(Make(parameters, logits.size()).Sample(logits, 0), TokenId{0});
  }
}

TEST(SamplerOddLogits, PlusInfinityIsTakenByTheLowestId) {
  std::vector<float> logits(300, 1.0f);
  logits[200] = logits[100] = kInfinity;
  for (const auto& parameters : EveryPath()) {
    EXPECT_EQ(Make(parameters, logits.size()).Sample(logits, 0), TokenId{100});
  }
}

TEST(SamplerOddLogits, NothingAboveMinusInfinityGivesTheFirstOfThem) {
  std::vector<float> logits(300, -kInfinity);
  logits[0] = kNaN;
  for (const auto& parameters : EveryPath()) {
    EXPECT_EQ(Make(parameters, logits.size()).Sample(logits, 0), TokenId{1});
  }
}

TEST(SamplerOddLogits, TheWholeRangeOfFloatsIsFine) {
  std::vector<float> logits(300, std::numeric_limits<float>::lowest());
  logits[222] = std::numeric_limits<float>::max();
  for (const auto& parameters : EveryPath()) {
    EXPECT_EQ(Make(parameters, logits.size()).Sample(logits, 0), TokenId{222});
  }
}

TEST(SamplerOddLogits, AVocabularyOfOneIsFine) {
  for (const auto& parameters : EveryPath()) {
    EXPECT_EQ(Make(parameters, 1).Sample(std::vector<float>{-3}, 0), TokenId{0});
  }
}

TEST(Sampler, TakesNoMemoryAfterConstruction) {
  const auto logits = Logits(5000, 9);
  for (SamplingParameters parameters : EveryPath()) {
    for (const int window : {0, 64, -1}) {
      parameters.repeat_last_n = window;
      parameters.repeat_penalty = 1.2f;
      parameters.logit_bias = {{TokenId{5}, 1}};
      Sampler sampler = Make(parameters, logits.size());
      const std::size_t before = allocations;
      for (int position = 0; position < 100; ++position) {
        sampler.Accept(sampler.Sample(logits, position));
      }
      EXPECT_EQ(allocations, before);
    }
  }
}

}  // namespace
}  // namespace millrace

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machine/load_system.h"
#include "model/shape.h"
#include "validation/comparison.h"
#include "validation/published_result.h"

namespace millrace {
namespace {

using testing::HasSubstr;

TEST(PublishedResults, NameModelsAndSystemsThatExist) {
  int predicted = 0;
  for (const PublishedResult& result : PublishedResults()) {
    EXPECT_FALSE(result.sources.empty()) << result.name;
    EXPECT_FALSE(result.unknown.empty()) << result.name;
    EXPECT_TRUE(LoadMachineFile(result.machine).ok()) << result.machine;
    if (result.model.empty()) continue;
    ++predicted;
    EXPECT_TRUE(IsShape(result.model)) << result.model;
    EXPECT_TRUE(LoadSystem(fmt::format("{}x{}", result.machine, result.chips)).ok()) << result.name;
  }
  EXPECT_GE(predicted, 12);
}

TEST(PublishedResults, WeightsFitTheChipsThatAreStatedOrAssumed) {
  for (const PublishedResult& result : PublishedResults()) {
    if (result.model.empty()) continue;
    double bytes = 0;
    const Model model = LoadShape(result.model).value();
    for (const Weight& weight : model.graph().weights) {
      bytes +=
          static_cast<double>(weight.rows) *
          static_cast<double>(RowBytes(weight.dtype, static_cast<std::size_t>(weight.columns)));
    }
    const MachineFile machine = LoadMachineFile(result.machine).value();
    EXPECT_LT(bytes, static_cast<double>(machine.chip.sram_bytes()) * result.chips) << result.name;
  }
}

TEST(PublishedResults, WrongFilesAreErrorsWithAPlace) {
  const auto error = [](std::string text) {
    const auto results = ParsePublishedResults("[sources]\nS = 's'\n[[result]]\n" + text, "r.toml");
    return results.ok() ? "no error" : results.error().message;
  };
  const std::string kGood =
      "name = 'n'\nmachine = 'm'\nunpredicted = 'x'\ntokens_per_s = 1\nconditions = 'c'\n"
      "published = ['S']\n";
  EXPECT_EQ(error(kGood), "no error");
  EXPECT_THAT(error(kGood + "chip = 3"), HasSubstr("r.toml:10:1: found key 'chip'"));
  EXPECT_THAT(error(kGood + "latency_us = 3"), HasSubstr("both or neither"));
  EXPECT_THAT(error(kGood + "measured = ['S']"), HasSubstr("both or neither"));
  EXPECT_THAT(error(kGood + "model = 'llama-2-7b'"), HasSubstr("a model and unpredicted"));
  EXPECT_THAT(error(kGood + "relation = 'about'"), HasSubstr("'more than' or 'less than'"));
  EXPECT_THAT(error(kGood + "chips = 1099511627776"), HasSubstr("found 1099511627776"));
  EXPECT_THAT(error("name = 'n'"), HasSubstr("found no key machine"));
}

// A prediction of 1 ms, whatever the model; the hops are in it.
Result<Prediction> OneMillisecond(const Graph&, const System& system, const PublishedResult&) {
  return Prediction{.seconds = 1e-6 * system.levels[0].latency_cycles,
                    .bound_seconds = 1e-4,
                    .chips = system.chips(),
                    .group = 1};
}

TEST(Comparison, ErrorIsThatOfTheRate) {
  PublishedResult result;
  result.model = "qwen3-0.6b";
  result.machine = "groq-v1";
  result.chips = 8;
  result.value = 1 / 1300e-6;
  result.sensitivity = true;
  const Comparison comparison = Compare(result, OneMillisecond, true);
  ASSERT_TRUE(comparison.prediction) << comparison.refusal;
  EXPECT_DOUBLE_EQ(comparison.error(), 1300.0 / 650 - 1);  // twice as fast as published
  ASSERT_EQ(comparison.variations.size(), 4u);
  EXPECT_EQ(comparison.variations[0].name, "function latencies x 0.5");
  EXPECT_DOUBLE_EQ(comparison.variations[0].seconds, 650e-6);
  EXPECT_EQ(comparison.variations[1].name, "hop latency x 0.5");
  EXPECT_DOUBLE_EQ(comparison.variations[1].seconds, 325e-6);
  EXPECT_DOUBLE_EQ(comparison.variations[3].seconds, 975e-6);
  EXPECT_TRUE(Compare(result, OneMillisecond, false).variations.empty());
}

TEST(Comparison, WhatCannotBePredictedSaysWhy) {
  const auto refuse = [](const Graph&, const System&, const PublishedResult&) {
    return Result<Prediction>(Exhausted("does not fit"));
  };
  PublishedResult result;
  result.model = "qwen3-0.6b";
  result.machine = "groq-v1";
  result.chips = 12;
  EXPECT_THAT(Compare(result, refuse, true).refusal, HasSubstr("found 12 chips"));
  result.chips = 8;
  EXPECT_EQ(Compare(result, refuse, true).refusal, "does not fit");
  result.model = "";
  result.unpredicted = "an encoder";
  EXPECT_EQ(Compare(result, refuse, true).refusal, "an encoder");
}

TEST(Comparison, VariationsChangeLatenciesAndNothingElse) {
  const System system = LoadSystem("groq-v1x72").value();
  const System half = WithFunctionLatencies(system, 0.5);
  EXPECT_EQ(half.chip.mxm.pass_latency_cycles, 10);
  EXPECT_EQ(half.chip.mem.read_latency_cycles, 2);
  EXPECT_EQ(half.chip.mxm.chain_cycles, 1);
  EXPECT_EQ(half.levels[0].latency_cycles, system.levels[0].latency_cycles);
  EXPECT_EQ(half.chip.sram_bytes(), system.chip.sram_bytes());
  EXPECT_EQ(WithHopLatencies(system, 1.5).levels[1].latency_cycles, 975);
  EXPECT_EQ(WithFunctionLatencies(system, 0.001).chip.mem.write_latency_cycles, 1);
}

}  // namespace
}  // namespace millrace

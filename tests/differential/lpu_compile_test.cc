// What the compiler promises of whole programs: the same input gives the same program, what does
// not fit or has no unit is refused in words, and random models give valid programs whose time is
// exact.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "compiler/compile.h"
#include "engine/launch_inputs.h"
#include "graph/interpreter.h"
#include "isa/verify.h"
#include "machine/load_system.h"
#include "random_shape.h"
#include "sim/stepped_simulator.h"

namespace millrace {
namespace {

TEST(Compile, TheSameInputGivesTheSameProgram) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ8_0, 1);
  const auto system = LoadSystem("groq-v1x2");
  const auto first = compiler::Compile(model.graph, *system, {.context = 128});
  const auto second = compiler::Compile(model.graph, *system, {.context = 128});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(first->program == second->program);
}

TEST(Compile, BinaryMatricesOf32BitsAreRefusedWithAdvice) {
  const RandomTransformer model = MakeRandomTransformer({.ffn = 1024}, DType::kF32, 1);
  const auto system = LoadSystem("groq-v1");
  const auto compiled = compiler::Compile(model.graph, *system, {.context = 128});
  ASSERT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(compiled.error().message.find("millrace quantize IN OUT Q8_0"), std::string::npos)
      << compiled.error().message;
}

// Every way of not fitting names a number of chips.
TEST(Compile, WhatDoesNotFitSaysHowManyChipsWould) {
  RandomTransformer model = MakeRandomTransformer({.layers = 4}, DType::kQ8_0, 1);
  for (Weight& weight : model.graph.weights) weight.bytes = {};
  auto system = LoadSystem("groq-v1");
  ASSERT_TRUE(system.ok());
  const auto message = [&](std::int32_t context) {
    const auto compiled = compiler::Compile(model.graph, *system, {.context = context});
    EXPECT_FALSE(compiled.ok());
    if (compiled.ok()) return std::string();
    EXPECT_EQ(compiled.error().code, ErrorCode::kExhausted);
    return compiled.error().message;
  };
  EXPECT_THAT(message(1 << 20), testing::ContainsRegex("a group of [0-9]+ would do"));
  for (const std::int32_t words : {40, 60, 80, 100}) {
    system->chip.mem.words = words;
    EXPECT_THAT(message(64), testing::ContainsRegex("[0-9]+ would do")) << words;
  }
}

// The formula of compiler/report.h against the sections, also where layers have a window.
TEST(Compile, TheReportedTimeHoldsAtEveryPosition) {
  const RandomTransformer model = MakeRandomTransformer({.window = 100}, DType::kQ8_0, 1);
  const auto system = LoadSystem("groq-v1");
  for (const std::int32_t position : {0, 63, 64, 100, 163, 300, 511}) {
    const auto compiled =
        compiler::Compile(model.graph, *system, {.context = 512, .position = position});
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    const compiler::Report& report = compiled->report;
    const std::int64_t blocks = position / 64 + 1;
    const std::int64_t covered = blocks - std::max(0, position + 1 - 100) / 64;
    ASSERT_EQ(report.windowed_cycles.size(), 1u);
    EXPECT_EQ(report.cycles, report.fixed_cycles + report.cycles_per_block * blocks +
                                 report.windowed_cycles.at(100) * covered)
        << position;
    EXPECT_LE(report.lower_bound_cycles, report.cycles);
  }
}

TEST(Compile, StagesHandOverWithoutChangingABit) {
  const RandomTransformer model =
      MakeRandomTransformer({.ffn = 1024, .layers = 5}, DType::kQ8_0, 3);
  auto system = LoadSystem("groq-v1x8");
  ASSERT_TRUE(system.ok());
  system->chip.mem.words = 64;  // so small that a stage holds little more than a layer's half
  const auto compiled = compiler::Compile(model.graph, *system, {.context = 64, .group = 2});
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  ASSERT_GT(compiled->partition.stages.size(), 1u);
  const auto fault = isa::Verify(compiled->program, *system);
  ASSERT_FALSE(fault) << isa::Print(*fault);
  auto simulator = sim::SteppedSimulator::Make(compiled->program, *system);
  ASSERT_TRUE(simulator.ok()) << simulator.error().message;
  LaunchInputs inputs(model.graph, compiled->program);
  Interpreter interpreter(model.graph, reference::CacheType::kF16);
  for (std::int32_t position = 0; position < 4; ++position) {
    const TokenId token{position * 17 % 300};
    const auto step = simulator->Step(inputs.For({&token, 1}, {&position, 1}));
    ASSERT_FALSE(step.fault) << isa::Print(*step.fault);
    const auto wanted = interpreter.Step({&token, 1});
    ASSERT_EQ(0, std::memcmp(wanted.data(), step.logits.data(), wanted.size() * sizeof(float)));
  }
}

// One random model on a random number of chips: the program is valid, takes the cycles it says, and
// gives the interpreter's bits. How many: MILLRACE_RANDOM_GRAPHS, else a few.
TEST(Compile, RandomModelsAreValidExactAndTheSame) {
  const char* wanted_count = std::getenv("MILLRACE_RANDOM_GRAPHS");
  const int count = wanted_count == nullptr ? 40 : std::atoi(wanted_count);
  int compiled_count = 0;
  for (int seed = 0; seed < count; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const RandomShape shape = DrawShape([&](std::int64_t least, std::int64_t most) {
      return std::uniform_int_distribution<std::int64_t>(least, most)(random);
    });
    const DType dtype = random() % 2 == 0 ? DType::kQ8_0 : DType::kQ4_0;
    const auto model = MakeRandomTransformer(shape, dtype, static_cast<unsigned>(seed));
    const int chips = 1 << random() % 4;
    const auto rows = static_cast<std::int32_t>(1 + random() % 3);
    const auto system = LoadSystem(fmt::format("groq-v1x{}", chips));
    const auto compiled =
        compiler::Compile(model.graph, *system, {.rows = rows, .context = 128, .group = chips});
    if (!compiled.ok()) {
      ASSERT_EQ(compiled.error().code, ErrorCode::kUnsupported)
          << "seed " << seed << ": " << compiled.error().message;
      continue;
    }
    ++compiled_count;
    const isa::Program& program = compiled->program;
    const auto fault = isa::Verify(program, *system);
    ASSERT_FALSE(fault) << "seed " << seed << ": " << isa::Print(*fault);
    auto simulator = sim::SteppedSimulator::Make(program, *system);
    ASSERT_TRUE(simulator.ok()) << "seed " << seed << ": " << simulator.error().message;
    LaunchInputs inputs(model.graph, program);
    std::vector<Interpreter> interpreters;
    for (int row = 0; row < rows; ++row) {
      interpreters.emplace_back(model.graph, reference::CacheType::kF16);
    }
    for (std::int32_t position = 0; position < 2; ++position) {
      std::vector<TokenId> tokens;
      for (std::int32_t row = 0; row < rows; ++row) {
        tokens.push_back(TokenId{static_cast<std::int32_t>((position * 11 + row * 5 + seed) % 30)});
      }
      const std::vector<std::int32_t> positions(static_cast<std::size_t>(rows), position);
      const auto step = simulator->Step(inputs.For(tokens, positions));
      ASSERT_FALSE(step.fault) << "seed " << seed << ": " << isa::Print(*step.fault);
      ASSERT_EQ(step.cycles,
                isa::SectionStarts(program, isa::RegistersAt(program, positions)).back());
      for (std::size_t row = 0; row < tokens.size(); ++row) {
        const auto wanted = interpreters[row].Step({&tokens[row], 1});
        ASSERT_EQ(0, std::memcmp(wanted.data(), step.logits.data() + row * wanted.size(),
                                 wanted.size() * sizeof(float)))
            << "seed " << seed << " position " << position << " row " << row;
      }
    }
  }
  EXPECT_GT(compiled_count, count / 2);
}

}  // namespace
}  // namespace millrace

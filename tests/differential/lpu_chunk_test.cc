// A prefill chunk on simulated chips: the tokens of one sequence in the rows of a step give the
// logits of the same tokens one after the other, also where the chunk crosses into the next block
// of keys.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "compiler/compile.h"
#include "engine/launch_inputs.h"
#include "graph/interpreter.h"
#include "isa/verify.h"
#include "machine/load_system.h"
#include "random_transformer.h"
#include "sim/fast_simulator.h"
#include "sim/stepped_simulator.h"

namespace millrace {
namespace {

constexpr std::int32_t kRows = 6;

void ExpectChunksOfOneSequence(const RandomShape& shape, std::int32_t chips) {
  const RandomTransformer model = MakeRandomTransformer(shape, DType::kQ8_0, 5);
  const auto system = LoadSystem(fmt::format("groq-v1x{}", chips));
  const auto compiled =
      compiler::Compile(model.graph, *system,
                        {.rows = kRows, .shared_sequence = true, .context = 128, .group = chips});
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  const isa::Program& program = compiled->program;
  const auto fault = isa::Verify(program, *system);
  ASSERT_FALSE(fault) << isa::Print(*fault);
  auto stepped = sim::SteppedSimulator::Make(program, *system);
  auto fast = sim::FastSimulator::Make(program, *system, {.threads = 2});
  ASSERT_TRUE(stepped.ok() && fast.ok());
  LaunchInputs inputs(model.graph, program);
  Interpreter interpreter(model.graph, reference::CacheType::kF16);
  for (std::int32_t first = 0; first < 72; first += kRows) {
    std::vector<TokenId> tokens;
    std::vector<std::int32_t> positions;
    for (std::int32_t row = 0; row < kRows; ++row) {
      positions.push_back(first + row);
      tokens.push_back(TokenId{(first + row) * 37 % 300});
    }
    const std::vector<float> wanted = interpreter.Step(tokens);
    const auto slow = stepped->Step(inputs.For(tokens, positions));
    ASSERT_FALSE(slow.fault) << isa::Print(*slow.fault);
    ASSERT_EQ(0, std::memcmp(wanted.data(), slow.logits.data(), wanted.size() * sizeof(float)))
        << "stepped, from position " << first;
    const auto quick = fast->Step(inputs.For(tokens, positions));
    ASSERT_EQ(slow.cycles, quick.cycles);
    ASSERT_EQ(0, std::memcmp(wanted.data(), quick.logits.data(), wanted.size() * sizeof(float)))
        << "fast, from position " << first;
  }
}

TEST(LpuChunk, OnOneChip) { ExpectChunksOfOneSequence({}, 1); }
TEST(LpuChunk, OnTwoChips) { ExpectChunksOfOneSequence({}, 2); }
TEST(LpuChunk, ThroughAWindow) { ExpectChunksOfOneSequence({.window = 20}, 1); }

}  // namespace
}  // namespace millrace

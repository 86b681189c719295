// The bits never move, on simulated chips either: a compiled program gives the logits of the
// graph's interpreter, on one chip or several, one sequence or several, and takes the cycles it
// said.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "compiler/compile.h"
#include "engine/launch_inputs.h"
#include "graph/interpreter.h"
#include "isa/verify.h"
#include "machine/load_system.h"
#include "part_cases.h"
#include "sim/fast_simulator.h"
#include "sim/stepped_simulator.h"

namespace millrace {
namespace {

constexpr std::int32_t kContext = 192;

struct LpuCase {
  std::string name;
  RandomShape shape;
  DType dtype = DType::kQ8_0;
  std::int32_t chips = 1, rows = 1;
};

void PrintTo(const LpuCase& c, std::ostream* out) { *out << c.name; }

std::vector<LpuCase> Cases() {
  std::vector<LpuCase> cases;
  const auto add = [&](const char* name, const RandomShape& shape) {
    for (const DType dtype : {DType::kQ8_0, DType::kQ4_0}) {
      for (const std::int32_t chips : {1, 2, 8}) {
        for (const std::int32_t rows : {1, 4}) {
          cases.push_back({fmt::format("{}_{}_{}_chips_{}_rows", name, Name(dtype), chips, rows),
                           shape, dtype, chips, rows});
        }
      }
    }
  };
  add("no_layers", {.layers = 0});
  add("llama", {});
  for (const PartCase& part : kPartCases) add(part.name, part.shape);
  for (const DType dtype : kAllDTypes) {  // the other types, where the machine has a matrix unit
    if (dtype == DType::kF32 || dtype == DType::kQ8_0 || dtype == DType::kQ4_0) continue;
    for (const std::int32_t chips : {1, 2}) {
      cases.push_back({fmt::format("llama_{}_{}_chips", Name(dtype), chips), {}, dtype, chips, 1});
    }
  }
  return cases;
}

class LpuBits : public testing::TestWithParam<LpuCase> {};

TEST_P(LpuBits, SteppedEqualsInterpreter) {
  const LpuCase& c = GetParam();
  const RandomTransformer model = MakeRandomTransformer(c.shape, c.dtype, 7);
  const auto system = LoadSystem(fmt::format("groq-v1x{}", c.chips));
  ASSERT_TRUE(system.ok()) << system.error().message;
  const auto compiled = compiler::Compile(model.graph, *system,
                                          {.rows = c.rows, .context = kContext, .group = c.chips});
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  const isa::Program& program = compiled->program;
  const auto fault = isa::Verify(program, *system);
  ASSERT_FALSE(fault) << isa::Print(*fault);
  auto simulator = sim::SteppedSimulator::Make(program, *system);
  ASSERT_TRUE(simulator.ok()) << simulator.error().message;
  auto fast = sim::FastSimulator::Make(program, *system, {.threads = 2});
  ASSERT_TRUE(fast.ok()) << fast.error().message;
  LaunchInputs inputs(model.graph, program);
  std::vector<Interpreter> interpreters;
  for (std::int32_t row = 0; row < c.rows; ++row) {
    interpreters.emplace_back(model.graph, reference::CacheType::kF16);
  }
  const auto rows = static_cast<std::size_t>(c.rows);
  // Into the second block of keys with one sequence, a few steps otherwise.
  const std::int32_t steps = c.rows == 1 && c.dtype == DType::kQ8_0 && c.chips < 8 ? 66 : 3;
  for (std::int32_t position = 0; position < steps; ++position) {
    std::vector<TokenId> tokens;
    const std::vector<std::int32_t> positions(rows, position);
    for (std::int32_t row = 0; row < c.rows; ++row) {
      tokens.push_back(TokenId{(position * position * 31 + position * 7 + row * 13) % 300});
    }
    const auto step = simulator->Step(inputs.For(tokens, positions));
    const auto same = fast->Step(inputs.For(tokens, positions));
    EXPECT_EQ(same.cycles, step.cycles);
    ASSERT_EQ(0, std::memcmp(same.logits.data(), step.logits.data(), step.logits.size_bytes()))
        << "fast, position " << position;
    ASSERT_FALSE(step.fault) << "position " << position << ": " << isa::Print(*step.fault);
    EXPECT_EQ(step.cycles,
              isa::SectionStarts(program, isa::RegistersAt(program, positions)).back());
    for (std::size_t row = 0; row < rows; ++row) {
      const std::vector<float> wanted = interpreters[row].Step({&tokens[row], 1});
      ASSERT_EQ(0, std::memcmp(wanted.data(), step.logits.data() + row * wanted.size(),
                               wanted.size() * sizeof(float)))
          << "position " << position << " row " << row << ": " << step.logits[row * wanted.size()]
          << " for " << wanted[0];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LpuBits, testing::ValuesIn(Cases()),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace millrace

// The verifier against programs that are wrong in one place. What it lets pass, the simulator,
// which checks the rules in its own way, lets pass too, and then either the logits change or the
// alteration meant nothing. MILLRACE_MUTATIONS says how many are tried for each program;
// the counts are printed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "compiler/compile.h"
#include "engine/launch_inputs.h"
#include "isa/verify.h"
#include "machine/load_system.h"
#include "mutation.h"
#include "random_transformer.h"
#include "sim/stepped_simulator.h"

namespace millrace {
namespace {

struct Count {
  int tried = 0, verifier = 0, values = 0, equivalent = 0;
};

struct Run {
  std::optional<isa::Fault> fault;
  std::vector<float> logits;  // of all steps
};

// Up to the second block of keys and values.
Run Simulate(const Graph& graph, const isa::Program& program, const System& system) {
  Run run;
  auto simulator = sim::SteppedSimulator::Make(program, system);
  if (!simulator.ok()) {
    run.fault.emplace().message = simulator.error().message;
    return run;
  }
  LaunchInputs inputs(graph, program);
  for (std::int32_t position = 0; position < isa::kKvBlock + 3; ++position) {
    const std::vector<TokenId> tokens(static_cast<std::size_t>(program.rows),
                                      TokenId{(position * position * 31 + position * 7) % 64});
    const std::vector<std::int32_t> positions(static_cast<std::size_t>(program.rows), position);
    const auto step = simulator->Step(inputs.For(tokens, positions));
    run.fault = step.fault;
    if (step.fault) return run;
    run.logits.insert(run.logits.end(), step.logits.begin(), step.logits.end());
  }
  return run;
}

int MutationsToTry() {
  const char* text = std::getenv("MILLRACE_MUTATIONS");
  return text == nullptr ? 150 : std::atoi(text);
}

void TryMutations(std::int32_t chips, std::uint32_t seed) {
  RandomShape shape{.hidden = 64,
                    .heads = 2,
                    .kv_heads = 1,
                    .head_dim = 32,
                    .ffn = 64,
                    .vocabulary = 64,
                    .layers = 1,
                    .rotary = 32};
  const RandomTransformer model = MakeRandomTransformer(shape, DType::kQ8_0, 7);
  const auto system = LoadSystem(fmt::format("groq-v1x{}", chips));
  ASSERT_TRUE(system.ok());
  const auto compiled = compiler::Compile(model.graph, *system, {.context = 192, .group = chips});
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  isa::Program program = compiled->program;
  const Run right = Simulate(model.graph, program, *system);
  ASSERT_FALSE(right.fault);
  std::mt19937 random(seed);
  std::map<MutationKind, Count> counts;
  for (int n = MutationsToTry(); n > 0; --n) {
    program.blocks = compiled->program.blocks;
    const Mutation mutation = Mutate(program, system->chip, random);
    Count& count = counts[mutation.kind];
    ++count.tried;
    if (isa::Verify(program, *system)) {
      ++count.verifier;
      continue;
    }
    const Run run = Simulate(model.graph, program, *system);
    EXPECT_FALSE(run.fault) << "the verifier passed, the simulator did not: " << mutation.before
                            << " became " << mutation.after << ": " << isa::Print(*run.fault);
    const bool same = run.logits == right.logits;
    ++(same ? count.equivalent : count.values);
    if (same && std::getenv("MILLRACE_MUTATIONS") != nullptr) {
      fmt::print("the same: {} became {}\n", mutation.before, mutation.after);
    }
  }
  for (const auto& [kind, c] : counts) {
    fmt::print(
        "{} chips, {}: {} tried, {} found by the verifier, {} by the logits, {} mean the same\n",
        chips, Name(kind), c.tried, c.verifier, c.values, c.equivalent);
  }
}

TEST(LpuMutations, OfOneChipAreFoundOrMeanNothing) { TryMutations(1, 5); }
TEST(LpuMutations, OfTwoChipsAreFoundOrMeanNothing) { TryMutations(2, 6); }

}  // namespace
}  // namespace millrace

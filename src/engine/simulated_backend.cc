#include "engine/simulated_backend.h"

#include <algorithm>

#include "base/check.h"
#include "compiler/compile.h"
#include "isa/step_work.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

constexpr std::int32_t kLeastContext = 256;

// The program for the largest context that fits, halving from limits.context.
Result<compiler::Compiled> CompileFor(const Graph& graph, const System& system,
                                      ExecutorLimits& limits, bool shrinks) {
  for (;;) {
    auto compiled = compiler::Compile(
        graph, system,
        {.rows = 1, .context = limits.context, .machine_fingerprint = Fingerprint(system)});
    const bool again = !compiled.ok() && compiled.error().code == ErrorCode::kExhausted &&
                       shrinks && limits.context > kLeastContext;
    if (!again) return compiled;
    limits.context = std::max(kLeastContext, limits.context / 2);
  }
}

}  // namespace

SimulatedBackend::SimulatedBackend(System system, isa::Program program,
                                   const ExecutorLimits& limits)
    : system_(std::move(system)), program_(std::move(program)), limits_(limits) {
  limits_.addressable_kv = false;
}

Result<std::unique_ptr<SimulatedBackend>> SimulatedBackend::Make(const Graph& graph, System system,
                                                                 ExecutorLimits limits,
                                                                 bool shrinks,
                                                                 const sim::FastOptions& options) {
  MILLRACE_TRY(compiler::Compiled compiled, CompileFor(graph, system, limits, shrinks));
  std::unique_ptr<SimulatedBackend> backend(
      new SimulatedBackend(std::move(system), std::move(compiled.program), limits));
  backend->inputs_ = std::make_unique<LaunchInputs>(graph, backend->program_);
  MILLRACE_TRY(sim::FastSimulator simulator,
               sim::FastSimulator::Make(backend->program_, backend->system_, options));
  backend->simulator_ = std::move(simulator);
  return backend;
}

void SimulatedBackend::Step(std::span<const StepSequence> sequences) {
  MILLRACE_CHECK(sequences.size() == 1);
  const StepSequence& sequence = sequences[0];
  if (sequence.first_position == 0) position_ = 0;
  MILLRACE_CHECK(sequence.first_position == position_);
  logits_.clear();
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    const sim::SimulatedStep step =
        simulator_->Step(inputs_->For(sequence.tokens.subspan(i, 1), {&position_, 1}));
    MILLRACE_CHECK(!step.fault);
    ++position_;
    ++figures_.tokens;
    figures_.last_cycles = step.cycles;
    figures_.cycles += step.cycles;
    const bool wanted = sequence.logits == LogitsWanted::kAll ||
                        (sequence.logits == LogitsWanted::kLast && i + 1 == sequence.tokens.size());
    if (wanted) logits_.insert(logits_.end(), step.logits.begin(), step.logits.end());
  }
}

double SimulatedBackend::energy_j() const {
  const std::int32_t position = std::max(0, position_ - 1);
  const auto registers = isa::RegistersAt(program_, {&position, 1});
  const isa::StepWork work = isa::WorkOf(program_, system_, registers);
  return isa::EnergyOf(work, system_, isa::SectionStarts(program_, registers).back()).total();
}

std::span<const float> SimulatedBackend::logits(std::size_t row) const {
  const auto vocabulary = static_cast<std::size_t>(limits_.vocabulary);
  return std::span(logits_).subspan(row * vocabulary, vocabulary);
}

}  // namespace millrace

#include "engine/simulated_backend.h"

#include <algorithm>

#include "base/check.h"
#include "compiler/compile.h"
#include "compiler/model_fingerprint.h"
#include "isa/program_file.h"
#include "isa/program_system.h"
#include "isa/step_work.h"
#include "isa/verify.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

constexpr std::int32_t kLeastContext = 256;
constexpr std::int32_t kMostContext = 1 << 20;  // of a program from a file: angles of all are made

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

Result<void> CheckModel(const Graph& graph, const isa::Program& program, const std::string& path) {
  if (program.shape_only) {
    return Invalid("{}: found the program of a shape, which has no weights", path);
  }
  if (const auto own = compiler::ModelFingerprint(graph); program.model_fingerprint != own) {
    return Invalid("{}: found a program of {}, fingerprint {:016x}; this model has {:016x}", path,
                   program.model.empty() ? "another model" : program.model,
                   program.model_fingerprint, own);
  }
  if (program.rows != 1) {
    return Invalid("{}: found a program for {} tokens a step, wanted 1", path, program.rows);
  }
  if (program.context > kMostContext) {
    return Invalid("{}: found a context of {} positions, wanted at most {}", path, program.context,
                   kMostContext);
  }
  // What LaunchInputs takes for granted: a fingerprint can be copied to another program.
  const Weight& table = graph.weight(std::get<Embed>(graph.operations[0]).table);
  bool known =
      program.hidden == table.columns && program.vocabulary == graph.columns[graph.logits.index()];
  for (const isa::ProgramInput& input : program.inputs) {
    if (input.kind != isa::ProgramInput::Kind::kRope) continue;
    const auto number = static_cast<std::size_t>(input.table);
    known = known && number < graph.rope_tables.size() &&
            2 * std::ssize(graph.rope_tables[number].frequencies) <= input.place.step_elements;
  }
  if (known) return {};
  return Invalid("{}: found inputs or logits that this model does not have", path);
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
  return Start(graph, std::move(system), std::move(compiled.program), limits, options);
}

Result<std::unique_ptr<SimulatedBackend>> SimulatedBackend::Load(const Graph& graph,
                                                                 const std::string& path,
                                                                 ExecutorLimits limits,
                                                                 const sim::FastOptions& options) {
  MILLRACE_TRY(isa::Program program, isa::LoadProgram(path));
  MILLRACE_TRY_VOID(CheckModel(graph, program, path));
  MILLRACE_TRY(System system, isa::SystemOf(program, path));
  if (const auto fault = isa::Verify(program, system)) {
    return Invalid("{}: {}", path, isa::Print(*fault));
  }
  limits.context = std::min(limits.context, program.context);
  return Start(graph, std::move(system), std::move(program), limits, options);
}

Result<std::unique_ptr<SimulatedBackend>> SimulatedBackend::Start(const Graph& graph, System system,
                                                                  isa::Program program,
                                                                  const ExecutorLimits& limits,
                                                                  const sim::FastOptions& options) {
  std::unique_ptr<SimulatedBackend> backend(
      new SimulatedBackend(std::move(system), std::move(program), limits));
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

#include "sim/stepped_simulator.h"

#include "base/check.h"
#include "isa/verify.h"
#include "sim/chip_state.h"
#include "sim/step_run.h"

namespace millrace::sim {

SteppedSimulator::SteppedSimulator(std::unique_ptr<SystemState> state) : state_(std::move(state)) {
  const isa::Program& program = *state_->program;
  logits_.resize(static_cast<std::size_t>(program.rows) *
                 static_cast<std::size_t>(program.vocabulary));
}
SteppedSimulator::SteppedSimulator(SteppedSimulator&&) noexcept = default;
SteppedSimulator& SteppedSimulator::operator=(SteppedSimulator&&) noexcept = default;
SteppedSimulator::~SteppedSimulator() = default;

Result<void> CheckProgram(const isa::Program& program, const System& system) {
  if (program.shape_only) {
    return Unsupported("{}: the program has shapes only, wanted values to simulate", program.model);
  }
  if (const auto fault = isa::VerifyStructure(program, system)) {
    return Invalid("{}: {}", program.model, isa::Print(*fault));
  }
  return {};
}

Result<SteppedSimulator> SteppedSimulator::Make(const isa::Program& program, const System& system) {
  MILLRACE_TRY_VOID(CheckProgram(program, system));
  return SteppedSimulator(std::make_unique<SystemState>(program, system));
}

SimulatedStep SteppedSimulator::Step(const StepInputs& inputs) {
  const isa::Program& program = *state_->program;
  MILLRACE_CHECK(inputs.tensors.size() == program.inputs.size());
  StepRun run(*state_, inputs.positions);
  for (std::size_t i = 0; i < inputs.tensors.size(); ++i) {
    state_->WriteTensor(program.inputs[i].place, inputs.tensors[i]);
  }
  SimulatedStep result{.fault = run.Run(), .cycles = run.end_cycle(), .logits = logits_};
  if (result.fault) return result;
  for (const isa::ProgramOutput& output : program.outputs) {
    const std::size_t row =
        static_cast<std::size_t>(output.row) * static_cast<std::size_t>(program.vocabulary);
    const auto logits = std::span(logits_).subspan(row + static_cast<std::size_t>(output.first),
                                                   static_cast<std::size_t>(output.count));
    if (!state_->ReadTensor(output.place, output.first, run.end_cycle(), logits)) {
      result.fault = isa::Fault{.rule = isa::Rule::kMemory,
                                .chip = output.place.chip,
                                .unit = {isa::UnitKind::kMem, output.place.side,
                                         static_cast<std::uint16_t>(output.place.slice)},
                                .cycle = run.end_cycle(),
                                .message = "logits that are not there when the program ends"};
      return result;
    }
  }
  return result;
}

}  // namespace millrace::sim

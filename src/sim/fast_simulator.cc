#include "sim/fast_simulator.h"

#include "base/check.h"
#include "isa/verify.h"
#include "sim/chip_state.h"
#include "sim/dataflow.h"
#include "sim/fast_run.h"
#include "sim/packed_tile_store.h"
#include "sim/stepped_simulator.h"

namespace millrace::sim {

FastSimulator::FastSimulator(const isa::Program& program, const System& system,
                             const FastOptions& options)
    : program_(&program),
      options_(options),
      state_(std::make_unique<SystemState>(program, system)),
      tiles_(std::make_unique<PackedTileStore>(*state_, KernelsFor(options.level))),
      team_(std::make_unique<Team>(options.threads)),
      logits_(static_cast<std::size_t>(program.rows) *
              static_cast<std::size_t>(program.vocabulary)) {
  for (ChipState& chip : state_->chips) {
    chip.states.resize(static_cast<std::size_t>(system.chip.vxm.states));
  }
}
FastSimulator::FastSimulator(FastSimulator&&) noexcept = default;
FastSimulator& FastSimulator::operator=(FastSimulator&&) noexcept = default;
FastSimulator::~FastSimulator() = default;

Result<FastSimulator> FastSimulator::Make(const isa::Program& program, const System& system,
                                          const FastOptions& options) {
  MILLRACE_TRY_VOID(CheckProgram(program, system));
  return FastSimulator(program, system, options);
}

Dataflow& FastSimulator::DataflowFor(const std::vector<std::int64_t>& registers) {
  std::vector<std::int64_t> key;
  for (std::size_t r = 0; r < registers.size(); ++r) {
    if (IsFixed(*program_, static_cast<isa::RegisterIndex>(r))) key.push_back(registers[r]);
  }
  if (dataflow_ == nullptr || key != key_) {
    dataflow_ = ResolveDataflow(*state_, *tiles_, registers);
    key_ = std::move(key);
  }
  return *dataflow_;
}

SimulatedStep FastSimulator::Step(const StepInputs& inputs) {
  MILLRACE_CHECK(inputs.tensors.size() == program_->inputs.size());
  const std::vector<std::int64_t> registers = isa::RegistersAt(*program_, inputs.positions);
  for (std::size_t i = 0; i < inputs.tensors.size(); ++i) {
    state_->WriteTensor(program_->inputs[i].place, inputs.tensors[i]);
  }
  FastRun(*state_, *tiles_, DataflowFor(registers), KernelsFor(options_.level), *team_, registers)
      .Run();
  for (const isa::ProgramOutput& output : program_->outputs) {
    const std::size_t row =
        static_cast<std::size_t>(output.row) * static_cast<std::size_t>(program_->vocabulary);
    state_->CopyTensor(output.place, output.first,
                       std::span(logits_).subspan(row + static_cast<std::size_t>(output.first),
                                                  static_cast<std::size_t>(output.count)));
  }
  return {.fault = std::nullopt,
          .cycles = isa::SectionStarts(*program_, registers).back(),
          .logits = logits_};
}

}  // namespace millrace::sim

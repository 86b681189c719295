// The stepped simulator: executes every instruction of every chip at its cycle, with real bytes on
// stream registers and in SRAM, and checks every rule as it happens. Slow, obvious, and the
// definition of what a program does (docs/isa.md).
#pragma once

#include <memory>

#include "base/result.h"
#include "isa/program.h"
#include "machine/system.h"
#include "sim/simulated_step.h"

namespace millrace::sim {

class StepRun;
struct SystemState;

// Whether a program can be simulated at all: kUnsupported for one without values, kInvalid for one
// whose structure is wrong.
Result<void> CheckProgram(const isa::Program& program, const System& system);

class SteppedSimulator {
 public:
  // program and system must outlive the simulator. The errors of CheckProgram.
  static Result<SteppedSimulator> Make(const isa::Program& program, const System& system);

  SteppedSimulator(SteppedSimulator&&) noexcept;
  SteppedSimulator& operator=(SteppedSimulator&&) noexcept;
  ~SteppedSimulator();

  // Runs the program once. What it leaves in SRAM (keys and values) is there for the next step,
  // streams, accumulators and states are not. After a fault the simulator is of no further use.
  SimulatedStep Step(const StepInputs& inputs);

 private:
  explicit SteppedSimulator(std::unique_ptr<SystemState> state);

  std::unique_ptr<SystemState> state_;
  std::vector<float> logits_;  // [rows, vocabulary]
};

}  // namespace millrace::sim

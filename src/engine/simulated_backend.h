// A simulated LPU system behind the Executor interface: the model compiled to a program, and the
// fast simulator to run it. It also knows what the system would have taken, to the cycle.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/executor.h"
#include "engine/launch_inputs.h"
#include "machine/system.h"
#include "sim/fast_simulator.h"

namespace millrace {

// What the steps so far would have taken on the machine.
struct SimulatedFigures {
  std::int64_t tokens = 0, cycles = 0;
  std::int64_t last_cycles = 0;  // of the last token
};

// Steps hold one sequence, whose positions start anew at 0 and come one after the other.
class SimulatedBackend final : public Executor {
 public:
  // Compiles the graph, which must outlive the backend, for at most limits.context positions; where
  // `shrinks`, for fewer if the system's memory holds fewer. The errors of compiler::Compile.
  static Result<std::unique_ptr<SimulatedBackend>> Make(const Graph& graph, System system,
                                                        ExecutorLimits limits, bool shrinks,
                                                        const sim::FastOptions& options);

  // A program that was compiled before, for at most limits.context positions or those that it was
  // compiled for. Errors: those of isa::LoadProgram; kInvalid for a program of another model or
  // machine, for more than one sequence, or with a fault (isa/verify.h).
  static Result<std::unique_ptr<SimulatedBackend>> Load(const Graph& graph, const std::string& path,
                                                        ExecutorLimits limits,
                                                        const sim::FastOptions& options);

  const ExecutorLimits& limits() const override { return limits_; }
  void Step(std::span<const StepSequence> sequences) override;
  std::span<const float> logits(std::size_t row) const override;

  const System& system() const { return system_; }
  const isa::Program& program() const { return program_; }
  const SimulatedFigures& figures() const { return figures_; }
  // Of a token at the last position (isa/step_work.h); 0: the machine has no figures.
  double energy_j() const;

 private:
  SimulatedBackend(System system, isa::Program program, const ExecutorLimits& limits);
  static Result<std::unique_ptr<SimulatedBackend>> Start(const Graph& graph, System system,
                                                         isa::Program program,
                                                         const ExecutorLimits& limits,
                                                         const sim::FastOptions& options);

  System system_;
  isa::Program program_;
  ExecutorLimits limits_;
  std::unique_ptr<LaunchInputs> inputs_;
  std::optional<sim::FastSimulator> simulator_;
  std::int32_t position_ = 0;
  std::vector<float> logits_;  // of the rows that were wanted
  SimulatedFigures figures_;
};

}  // namespace millrace

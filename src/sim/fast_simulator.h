// The fast simulator: the values of a program without its streams, with the SIMD kernels and
// several threads; its cycles are those of the schedule. Equal to the stepped simulator in every
// bit and every cycle, for programs that are valid (isa/verify.h): rules are not checked here.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/team.h"
#include "isa/program.h"
#include "kernels/cpu_level.h"
#include "machine/system.h"
#include "sim/simulated_step.h"

namespace millrace::sim {

struct Dataflow;
class PackedTileStore;
struct SystemState;

struct FastOptions {
  CpuLevel level = AvailableLevels().back();
  int threads = 1;
};

class FastSimulator {
 public:
  // program and system must outlive the simulator. The errors of SteppedSimulator::Make.
  static Result<FastSimulator> Make(const isa::Program& program, const System& system,
                                    const FastOptions& options = {});

  FastSimulator(FastSimulator&&) noexcept;
  FastSimulator& operator=(FastSimulator&&) noexcept;
  ~FastSimulator();

  // Runs the program once: SteppedSimulator::Step, without faults.
  SimulatedStep Step(const StepInputs& inputs);

 private:
  FastSimulator(const isa::Program& program, const System& system, const FastOptions& options);
  Dataflow& DataflowFor(const std::vector<std::int64_t>& registers);

  const isa::Program* program_;
  FastOptions options_;
  std::unique_ptr<SystemState> state_;
  std::unique_ptr<PackedTileStore> tiles_;
  std::unique_ptr<Team> team_;
  // By what the registers hold that count blocks; the latest one only.
  std::vector<std::int64_t> key_;
  std::unique_ptr<Dataflow> dataflow_;
  std::vector<float> logits_;
};

}  // namespace millrace::sim

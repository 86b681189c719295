// One sequence (or a batch) on a simulated system: what the host brings to every step.
#pragma once

#include <span>
#include <vector>

#include "base/typed_index.h"
#include "graph/graph.h"
#include "graph/rope_angles.h"
#include "isa/program.h"
#include "sim/simulated_step.h"

namespace millrace {

class LpuInputs {
 public:
  LpuInputs(const Graph& graph, const isa::Program& program);

  // tokens, positions: [rows]. Valid until the next call.
  sim::StepInputs For(std::span<const TokenId> tokens, std::span<const std::int32_t> positions);

 private:
  const Graph& graph_;
  const isa::Program& program_;
  std::vector<RopeAngles> angles_;
  std::vector<std::vector<float>> tensors_;
  std::vector<std::span<const float>> views_;
};

}  // namespace millrace

// What the host brings to every launch of an LPU program: embeddings, and the angles of positions.
#pragma once

#include <span>
#include <vector>

#include "base/typed_index.h"
#include "graph/graph.h"
#include "graph/rope_angles.h"
#include "isa/program.h"
#include "sim/simulated_step.h"

namespace millrace {

class LaunchInputs {
 public:
  // The graph that the program was compiled from, and the program; both must outlive the object.
  LaunchInputs(const Graph& graph, const isa::Program& program);

  // tokens, positions: [rows of the program]. Valid until the next call.
  sim::StepInputs For(std::span<const TokenId> tokens, std::span<const std::int32_t> positions);

 private:
  const Graph& graph_;
  const isa::Program& program_;
  std::vector<RopeAngles> angles_;
  std::vector<std::vector<float>> tensors_;
  std::vector<std::span<const float>> views_;
};

}  // namespace millrace

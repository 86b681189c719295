// The architectures that are known, by the name that a file gives itself (general.architecture).
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

struct Architecture {
  std::string_view name;
  // The checkpoint outlives the graph.
  Result<Graph> (*build_graph)(const ModelConfig& config, const Checkpoint& checkpoint);
};

std::span<const Architecture> Architectures();

// kUnsupported for a name that is not known, with those that are.
Result<Architecture> FindArchitecture(const Checkpoint& checkpoint);

}  // namespace millrace

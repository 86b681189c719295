// Qwen 3 (arXiv:2505.09388): halves turn together, and every head of queries and keys is normalised
// before it turns.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h).
Result<Graph> BuildQwen3(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

// Qwen 3 with experts (arXiv:2505.09388): Qwen 3 (model/qwen3.h) with a softmax over all experts,
// whose chosen weights are divided by their sum.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h); kInvalid without experts.
Result<Graph> BuildQwen3Moe(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

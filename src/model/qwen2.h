// Qwen 2 and 2.5 (arXiv:2407.10671): the decoder of model/decoder.h with halves that turn together.
// Queries, keys and values have biases.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h).
Result<Graph> BuildQwen2(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

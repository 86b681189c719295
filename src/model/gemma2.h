// Gemma 2 (arXiv:2408.00118): the embedding is scaled by the root of the hidden size, both parts
// are normalised behind too, scores and logits have soft caps, and every other layer, beginning
// with the first, sees a window only.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h).
Result<Graph> BuildGemma2(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

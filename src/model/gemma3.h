// Gemma 3 (arXiv:2503.19786): Gemma 2 (model/gemma2.h) with norms of each head of queries and keys
// and without the caps of the scores. Five layers of six see a window only, and turn by another
// base, without the scaling of the others.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h).
Result<Graph> BuildGemma3(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

// gpt-oss (arXiv:2508.10925): biases everywhere, a sink for each head, a window in every other
// layer, beginning with the first, and experts with a clamped SwiGLU, weighed by a softmax over the
// chosen ones.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h); kInvalid without experts or
// window.
Result<Graph> BuildGptOss(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

// Phi 3 and 3.5 (arXiv:2404.14219): queries, keys and values are one tensor (attn_qkv), gate and up
// another (ffn_up). Models with a long context have two sets of rope factors (arXiv:2402.13753).
//
// The sliding window that files of Phi 3 name is not applied: converters wrote it for models that
// have none in use.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h).
Result<Graph> BuildPhi3(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

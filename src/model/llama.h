// The llama family: Llama 2 and 3, Mistral, and everything else that GGUF files call "llama".
//
// Pre-norm residual layers of grouped-query attention with rotary positions and a SwiGLU unit:
//
//     x = embed
//     each layer:  h = norm x;  x = x + out(attention(rope q h, rope k h, v h))
//                  h = norm x;  x = x + down(silu(gate h) * up h)
//     logits = output(norm x)
//
// The output matrix is output.weight or, where that is missing, the embedding. Queries and keys
// rotate neighbouring pairs, as the converters of such files arrange their rows.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The graph views the bytes of the checkpoint, which outlives it. kInvalid for tensors that are
// missing or misshapen, kUnsupported for some that are not known here, such as biases; both name
// the tensor.
Result<Graph> BuildLlama(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

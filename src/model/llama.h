// The llama family: Llama 2 and 3, Mistral, Mixtral, and everything else that GGUF files call
// "llama": the plain decoder of model/decoder.h.
//
// Queries and keys rotate neighbouring pairs, as the converters of such files arrange their rows. A
// model with experts (Mixtral, arXiv:2401.04088) weighs those it chooses by a softmax over their
// own logits, which is a softmax over all, divided by the sum of the chosen.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder.
Result<Graph> BuildLlama(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

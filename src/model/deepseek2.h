// DeepSeek V2, V2 Lite, V3 and R1 (arXiv:2405.04434, arXiv:2412.19437): latent attention, experts
// beside shared ones, and first layers without.
//
// The cache holds one latent vector and one rotated key a position, for all heads (attention with
// one key-value head of [latent, rotated], whose values are the latent part):
//
//     query of a head = [k_b q[0, nope), rope q[nope, ...)]      k_b: [latent, nope] a head
//     key             = [norm latent, rope rotated]
//     output          = out(v_b attended)                        v_b: [value, latent] a head
//
// so that k_b and v_b, which would expand every cached vector, meet queries and outputs instead.
#pragma once

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"

namespace millrace {

// The errors are those of BuildDecoder (model/decoder.h); kUnsupported for old
// files, where k_b and v_b are one tensor (attn_kv_b).
Result<Graph> BuildDeepseek2(const ModelConfig& config, const Checkpoint& checkpoint);

}  // namespace millrace

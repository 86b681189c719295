// The hyperparameters of a model, as its file states them, checked one by one.
//
// Whether they fit the tensors is the business of the architecture (model/decoder.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"

namespace millrace {

// How positions beyond the context of the training are fitted into it. Keys:
// ARCH.rope.scaling.*; llama.cpp's meaning of each.
enum class RopeScaling { kNone, kLinear, kYarn };

struct RopeConfig {
  std::int64_t dimensions = 0;  // rope.dimension_count: rotated dimensions of a head, even
  double base = 10000;          // rope.freq_base
  RopeScaling scaling = RopeScaling::kNone;  // .type
  double factor = 1;                         // .factor: positions are stretched by it
  double attention_factor = 1;               // .attn_factor: multiplies cosine and sine
  // YaRN only, arXiv:2309.00071.
  double original_context_length = 0;  // .original_context_length, else the context length
  double beta_fast = 32;               // .yarn_beta_fast: turns from which a pair is not scaled
  double beta_slow = 1;                // .yarn_beta_slow: turns up to which it is scaled in full
  double extrapolation = 1;  // .yarn_ext_factor: how much of the unscaled angle is mixed in
  // Cosine and sine are multiplied by 1 + magnitude_slope ln(factor).
  double magnitude_slope = 0.1;
  double log_multiplier = 0;  // .yarn_log_multiplier: what deepseek2 has in its place
};

// The experts of a feed-forward part. Counts are 0 in a model that has none.
struct ExpertsConfig {
  std::int64_t count = 0;          // ARCH.expert_count
  std::int64_t chosen = 0;         // ARCH.expert_used_count: for each token
  std::int64_t ffn = 0;            // ARCH.expert_feed_forward_length, else feed_forward_length
  std::int64_t shared = 0;         // ARCH.expert_shared_count: that every token has
  std::int64_t groups = 1;         // ARCH.expert_group_count; divides count
  std::int64_t chosen_groups = 1;  // ARCH.expert_group_used_count
  std::int64_t leading_dense = 0;  // ARCH.leading_dense_block_count: first layers without experts
  RouteWeights weights = RouteWeights::kSoftmax;  // ARCH.expert_gating_func
  bool normalise = false;                         // ARCH.expert_weights_norm
  float scale = 1;                                // ARCH.expert_weights_scale
};

// Compressed queries, keys and values (deepseek2). Counts are 0 in a model that has none.
struct LatentConfig {
  std::int64_t query_rank = 0;  // ARCH.attention.q_lora_rank; 0: queries are not compressed
  std::int64_t kv_rank = 0;     // ARCH.attention.kv_lora_rank
  std::int64_t key_dim = 0;     // ARCH.attention.key_length_mla: of a head, once expanded
  std::int64_t value_dim = 0;   // ARCH.attention.value_length_mla
};

// Counts are at least 1, where nothing else is said, and below 2^31; so is heads * head_dim.
struct ModelConfig {
  std::string architecture;         // general.architecture
  std::string name;                 // general.name, empty if there is none
  std::int64_t context_length = 0;  // ARCH.context_length: positions of the training
  std::int64_t layers = 0;          // ARCH.block_count
  std::int64_t hidden = 0;          // ARCH.embedding_length
  std::int64_t heads = 0;           // ARCH.attention.head_count
  std::int64_t kv_heads = 0;        // ARCH.attention.head_count_kv, else heads; divides heads
  std::int64_t head_dim = 0;        // ARCH.attention.key_length, else hidden / heads; even,
                                    // at most 65536
  std::int64_t value_dim = 0;       // ARCH.attention.value_length, else head_dim
  std::int64_t ffn = 0;             // ARCH.feed_forward_length; may be 0 beside experts
  std::int64_t vocabulary = 0;      // rows of token_embd.weight
  float norm_eps = 0;               // ARCH.attention.layer_norm_rms_epsilon
  RopeConfig rope;
  std::int64_t window = 0;          // ARCH.attention.sliding_window: positions; 0: all
  std::int64_t window_period = 0;   // ARCH.attention.sliding_window_pattern, a number: every
                                    // so many layers one has no window
  std::vector<bool> window_layers;  // the same key, an array: whether a layer has a window
  double window_rope_base = 0;      // ARCH.rope.freq_base_swa: of layers with a window
  float attention_softcap = 0;      // ARCH.attn_logit_softcapping; 0: none
  float logit_softcap = 0;          // ARCH.final_logit_softcapping; 0: none
  ExpertsConfig experts;
  LatentConfig latent;
  std::int64_t prediction_layers = 0;  // ARCH.nextn_predict_layers: the last of `layers`, which
                                       // only guess further tokens
  // Positions that a sequence will have, as far as is known: more than the rope's original context
  // take the factors for long contexts where a model has two sets. Not from the file.
  std::int64_t planned_context = 0;
};

// kNotFound for a key that must be there, kInvalid for one of the wrong type or an impossible
// value, kUnsupported for what is possible but not known here: numbers that differ by layer, other
// kinds of scaling or of routing. Every message names the file and the key.
Result<ModelConfig> ParseConfig(const Checkpoint& checkpoint);

}  // namespace millrace

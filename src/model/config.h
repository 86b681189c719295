// The hyperparameters of a model, as its file states them, checked one by one.
//
// Whether they fit the tensors is the business of the architecture (model/llama.h).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "format/gguf.h"

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
};

// Counts are at least 1 and below 2^31.
struct ModelConfig {
  std::string architecture;         // general.architecture
  std::string name;                 // general.name, empty if there is none
  std::int64_t context_length = 0;  // ARCH.context_length: positions of the training
  std::int64_t layers = 0;          // ARCH.block_count
  std::int64_t hidden = 0;          // ARCH.embedding_length
  std::int64_t heads = 0;           // ARCH.attention.head_count
  std::int64_t kv_heads = 0;        // ARCH.attention.head_count_kv, else heads; divides heads
  std::int64_t head_dim = 0;        // ARCH.attention.key_length, else hidden / heads; even
  std::int64_t ffn = 0;             // ARCH.feed_forward_length
  std::int64_t vocabulary = 0;      // rows of token_embd.weight
  float norm_eps = 0;               // ARCH.attention.layer_norm_rms_epsilon
  RopeConfig rope;
};

// kNotFound for a key that must be there, kInvalid for one of the wrong type or an impossible
// value, kUnsupported for what is possible but not known here: values of another size than keys,
// numbers that differ by layer, experts, other kinds of scaling. Every message names the file and
// the key.
Result<ModelConfig> ParseConfig(const Checkpoint& checkpoint);

}  // namespace millrace

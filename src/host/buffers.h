// Activations of a step, at addresses fixed at load. T is max_tokens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/prepared_input.h"
#include "kernels/kernel_table.h"

namespace millrace {

// Shared by the team.
struct SharedBuffers {
  float* residual = nullptr;   // x: [T, hidden]; in decode every thread has its own
  float* branch = nullptr;     // what is added to it next: [T, hidden]
  float* attention = nullptr;  // [T, attention_columns]
  PreparedInput normed_input, attention_input, gated_input;
  PreparedInput logit_input;  // [max_logit_rows, hidden]
  float* logits = nullptr;    // [max_logit_rows, vocabulary padded to tiles]

  // Experts. A pair is a token with one of its experts; pairs are ordered by expert.
  float* router_logits = nullptr;  // [T, experts]
  float* routes = nullptr;         // [T, experts]
  PreparedInput expert_input;      // [T * chosen, expert_rows]: products of gate and up

  // Latent attention.
  float* query_down = nullptr;     // [T, query_down]
  float* key_latent = nullptr;     // [T, latent]
  float* key_rotated = nullptr;    // [T, rotated]
  PreparedInput query_down_input;  // [T, query_down]
};

// Private to a thread.
struct ThreadScratch {
  float* residual = nullptr;      // decode: [hidden]
  float* normed = nullptr;        // [hidden], or any other row that is normalised
  PreparedInput row_input;        // decode: one normed row, [hidden]
  PreparedInput attention_input;  // decode: one row of attention output, [attention_columns]

  float* query = nullptr;               // [T, own query heads * head_dim padded]
  float* key = nullptr;                 // [T, head_dim padded]
  float* value = nullptr;               // [T, value_dim padded]
  std::byte* prepared_query = nullptr;  // [attention rows]
  AttentionState attention;             // [attention rows]
  std::int32_t* begins = nullptr;       // [attention rows]
  std::int32_t* ends = nullptr;         // [attention rows]

  float* gate = nullptr;     // [T, kFfnPanelRows]
  float* up = nullptr;       // [T, kFfnPanelRows]
  float* product = nullptr;  // [T, kFfnPanelRows]

  PreparedInput gathered_input;         // [T, hidden]: tokens of one expert
  std::int32_t* pair_tokens = nullptr;  // [T * chosen], ordered by expert, then by token
  std::int32_t* pair_begins = nullptr;  // [experts + 1]

  float* head_query = nullptr;  // latent attention: [T, nope + rotated padded], one head
  float* latent_out = nullptr;  // [T, own heads * latent]
  PreparedInput nope_input;     // [T, nope], one head
  PreparedInput latent_input;   // [T, latent], one head
};

}  // namespace millrace

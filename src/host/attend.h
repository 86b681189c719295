// Attention over the cache: query rows of a step against the KV blocks that they see.
#pragma once

#include "host/thread_step.h"

namespace millrace {

// Queries of `heads` heads that read one key-value head.
struct Queries {
  const float* data = nullptr;  // [tokens, stride], head h of a row at h * head_dim
  std::size_t stride = 0;
  std::size_t first_head = 0, heads = 0, kv_head = 0;
};

// out: head h of token t at t * out_stride + h * value_dim. The keys and values of all tokens of
// the step are in the cache.
void Attend(const ThreadStep& step, const Attention& rule, const Queries& queries, float* out,
            std::size_t out_stride);

}  // namespace millrace

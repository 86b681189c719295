// The feed-forward part of a layer, gated or with experts, for all tokens of a step.
#pragma once

#include "host/thread_step.h"

namespace millrace {

// Writes own columns of buffers.branch. input: the normed rows [tokens, hidden]. The last thing
// done is no barrier.
void FeedForward(const ThreadStep& step, std::size_t layer, const PreparedInput& input);

}  // namespace millrace

// The attention part of a layer with latent attention (arXiv:2405.04434), for all tokens of a step.
#pragma once

#include "host/thread_step.h"

namespace millrace {

// Fills the columns of own heads in buffers.attention. input: the normed rows [tokens, hidden]. The
// last thing done is no barrier.
void AttendLatent(const ThreadStep& step, std::size_t layer, const PreparedInput& input);

}  // namespace millrace

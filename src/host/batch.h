// Many tokens at once: a chunk of a prompt, or one token of each of several sequences, or both.
#pragma once

#include <span>

#include "base/team.h"
#include "host/host_plan.h"
#include "host/step.h"

namespace millrace {

// Computes all tokens of `sequences`. Rows of logits are written in the order of the tokens that
// want them.
void RunBatch(HostPlan& plan, Team& team, std::span<const StepSequence> sequences);

}  // namespace millrace

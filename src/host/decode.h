// One token of one sequence: the path that decides how fast text appears.
#pragma once

#include "base/team.h"
#include "host/host_plan.h"
#include "host/step.h"

namespace millrace {

// Computes the one token of `sequence` on the team; its logits are then in row 0 of the plan's
// logits, if wanted.
void Decode(HostPlan& plan, Team& team, const StepSequence& sequence);

}  // namespace millrace

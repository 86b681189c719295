// Executes a Graph on this CPU from a HostPlan. Logits are the same to the bit for any level,
// number of threads, division of a prompt into steps, and company in a batch.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "base/team.h"
#include "host/host_plan.h"
#include "host/step.h"

namespace millrace {

class HostExecutor {
 public:
  // Plans and packs; see HostPlan::Build for the errors and for what must outlive the executor.
  static Result<HostExecutor> Build(const Graph& graph, const HostOptions& options);

  // Computes the tokens of all sequences, at most max_tokens together, and writes their keys and
  // values. Token ids and positions must be in range (CHECKed). Nothing is allocated when there is
  // one token.
  void Step(std::span<const StepSequence> sequences);

  // Row i of the logits that the last step wrote, [vocabulary]; valid until the next Step.
  std::span<const float> logits(std::size_t row) const;

  const HostPlan& plan() const { return plan_; }

 private:
  HostExecutor(std::unique_ptr<Team> team, HostPlan plan)
      : team_(std::move(team)), plan_(std::move(plan)) {}

  std::unique_ptr<Team> team_;
  HostPlan plan_;
};

}  // namespace millrace

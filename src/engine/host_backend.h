// The host executor behind the Executor interface.
#pragma once

#include <utility>

#include "engine/executor.h"
#include "host/host_executor.h"

namespace millrace {

class HostBackend final : public Executor {
 public:
  explicit HostBackend(HostExecutor host);

  const ExecutorLimits& limits() const override { return limits_; }
  void Step(std::span<const StepSequence> sequences) override { host_.Step(sequences); }
  std::span<const float> logits(std::size_t row) const override { return host_.logits(row); }

  const HostPlan& plan() const { return host_.plan(); }

 private:
  HostExecutor host_;
  ExecutorLimits limits_;
};

}  // namespace millrace

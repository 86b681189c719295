// The graph's interpreter behind the Executor interface: slow, obvious, and the reference that the
// others are held to.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/executor.h"
#include "graph/interpreter.h"

namespace millrace {

// Steps hold one sequence, whose positions start anew at 0; the interpreter keeps keys and values
// itself.
class InterpreterBackend final : public Executor {
 public:
  // The graph must outlive the backend. limits.max_tokens and max_logit_rows bound what it keeps.
  InterpreterBackend(const Graph& graph, reference::CacheType cache_type,
                     const ExecutorLimits& limits);

  const ExecutorLimits& limits() const override { return limits_; }
  void Step(std::span<const StepSequence> sequences) override;
  std::span<const float> logits(std::size_t row) const override;

 private:
  const Graph& graph_;
  reference::CacheType cache_type_;
  ExecutorLimits limits_;
  std::unique_ptr<Interpreter> interpreter_;
  std::int32_t position_ = 0;
  std::vector<float> logits_;  // [tokens, vocabulary] of the last step
  std::size_t first_row_ = 0;  // of logits_ that was wanted
};

}  // namespace millrace

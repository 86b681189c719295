#include "host/host_executor.h"

#include "host/batch.h"
#include "host/decode.h"

namespace millrace {
namespace {

void CheckStep(const HostPlan& plan, std::span<const StepSequence> sequences) {
  std::size_t tokens = 0, logit_rows = 0;
  for (const StepSequence& sequence : sequences) {
    const std::size_t end =
        static_cast<std::size_t>(sequence.first_position) + sequence.tokens.size();
    MILLRACE_CHECK(!sequence.tokens.empty() && sequence.first_position >= 0);
    MILLRACE_CHECK(end <= static_cast<std::size_t>(plan.options().context));
    MILLRACE_CHECK((end + kKvBlock - 1) / kKvBlock <= sequence.kv_blocks.size());
    MILLRACE_CHECK(plan.window() == 0 ||
                   (end + kKvBlock - 1) / kKvBlock <= sequence.window_blocks.size());
    for (const TokenId token : sequence.tokens) {
      MILLRACE_CHECK(token.value >= 0 && token.index() < plan.shape().vocabulary);
    }
    tokens += sequence.tokens.size();
    logit_rows += sequence.logits == LogitsWanted::kAll    ? sequence.tokens.size()
                  : sequence.logits == LogitsWanted::kLast ? 1
                                                           : 0;
  }
  MILLRACE_CHECK(tokens <= static_cast<std::size_t>(plan.options().max_tokens));
  MILLRACE_CHECK(logit_rows <= static_cast<std::size_t>(plan.options().max_logit_rows));
}

}  // namespace

Result<HostExecutor> HostExecutor::Build(const Graph& graph, const HostOptions& options) {
  auto team = std::make_unique<Team>(options.threads);
  HostOptions granted = options;
  granted.threads = team->threads();
  MILLRACE_TRY(HostPlan plan, HostPlan::Build(graph, granted, *team));
  return HostExecutor(std::move(team), std::move(plan));
}

void HostExecutor::Step(std::span<const StepSequence> sequences) {
  CheckStep(plan_, sequences);
  if (sequences.size() == 1 && sequences[0].tokens.size() == 1) {
    Decode(plan_, *team_, sequences[0]);
  } else {
    RunBatch(plan_, *team_, sequences);
  }
}

std::span<const float> HostExecutor::logits(std::size_t row) const {
  return {plan_.buffers.logits + row * plan_.logit_stride(), plan_.shape().vocabulary};
}

}  // namespace millrace

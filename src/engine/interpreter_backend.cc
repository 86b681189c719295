#include "engine/interpreter_backend.h"

#include "base/check.h"

namespace millrace {

InterpreterBackend::InterpreterBackend(const Graph& graph, reference::CacheType cache_type,
                                       const ExecutorLimits& limits)
    : graph_(graph), cache_type_(cache_type), limits_(limits) {
  limits_.addressable_kv = false;
}

void InterpreterBackend::Step(std::span<const StepSequence> sequences) {
  MILLRACE_CHECK(sequences.size() == 1);
  const StepSequence& sequence = sequences[0];
  if (sequence.first_position == 0) {
    interpreter_ = std::make_unique<Interpreter>(graph_, cache_type_);
    position_ = 0;
  }
  MILLRACE_CHECK(sequence.first_position == position_);
  logits_ = interpreter_->Step(sequence.tokens);
  position_ += static_cast<std::int32_t>(sequence.tokens.size());
  first_row_ = sequence.logits == LogitsWanted::kLast ? sequence.tokens.size() - 1 : 0;
}

std::span<const float> InterpreterBackend::logits(std::size_t row) const {
  const auto vocabulary = static_cast<std::size_t>(limits_.vocabulary);
  return std::span(logits_).subspan((first_row_ + row) * vocabulary, vocabulary);
}

}  // namespace millrace

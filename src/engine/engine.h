// Runs any number of replies together on one executor: sequences come and go, the plan stays.
//
// A step takes one token of every sequence that is decoding and fills what room is left with pieces
// of prompts, in the order of arrival. A sequence takes all the KV blocks it may need before it
// starts, so none is ever thrown out half way; those that do not fit wait. What company a sequence
// has changes when its tokens come, never which (executor.h, sampler.h).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/executor.h"
#include "engine/kv_block_pool.h"
#include "engine/sequence.h"

namespace millrace {

class Engine {
 public:
  // The executor must outlive the engine.
  explicit Engine(Executor& executor);

  // Takes a request; its tokens come out of Step. kInvalid if the prompt is empty, a token is not
  // in the vocabulary, or the sampling parameters are wrong; kExhausted if the prompt fills the
  // context.
  Result<SequenceId> Add(Request request);

  // Runs one step and returns the tokens it gave, one at most for each sequence. Valid until the
  // next call. Empty if only parts of prompts were computed, or if nothing is left to do.
  std::span<const TokenEvent> Step();

  // Forgets a sequence, wherever it is; no event of it comes after. Unknown ids are ignored.
  void Stop(SequenceId id);

  bool idle() const { return running_.empty() && waiting_.empty(); }

 private:
  void Admit();
  void Schedule();
  TokenEvent Advance(Sequence& sequence, std::span<const float> logits);

  Executor& executor_;
  KvBlockPool pool_;
  std::int32_t next_id_ = 0;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
  std::vector<StepSequence> step_;      // of this step, with
  std::vector<Sequence*> step_owners_;  // whose they are
  std::vector<TokenEvent> events_;
};

}  // namespace millrace

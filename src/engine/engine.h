// Runs any number of replies together on one executor: sequences come and go, the plan stays.
//
// A step takes one token of every sequence that is decoding and fills what room is left with pieces
// of prompts, in the order of arrival. A sequence reserves all the KV blocks it may need before it
// starts, so none is ever thrown out half way; those that do not fit wait. A prompt that begins as
// an earlier sequence did computes only the rest (prefix_cache.h). With a proposer the next tokens
// of a sequence are guessed and verified in one step: a guess is accepted if it is the very token
// that the sequence's sampler chooses, with the logits and the random number of that position. What
// company a sequence has, what was cached and what was guessed changes when its tokens come, never
// which (executor.h, sampler.h).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/executor.h"
#include "engine/prefix_cache.h"
#include "engine/sequence.h"
#include "engine/speculation.h"

namespace millrace {

struct EngineOptions {
  bool prefix_cache = true;
  Proposer* proposer = nullptr;  // must outlive the engine; null: no speculation
  SpeculationOptions speculation{};
};

class Engine {
 public:
  // The executor must outlive the engine. Without addressable KV blocks (ExecutorLimits) there is
  // neither a prefix cache nor speculation. Speculation verifies as many guesses in a step as
  // max_logit_rows has room for beside the sequences.
  explicit Engine(Executor& executor, const EngineOptions& options = {});

  // Takes a request; its tokens come out of Step. kInvalid if the prompt is empty, a token is not
  // in the vocabulary, or the sampling parameters are wrong; kExhausted if the prompt fills the
  // context.
  Result<SequenceId> Add(Request request);

  // Runs one step and returns the tokens it gave, those of a sequence in order. Valid until the
  // next call. Empty if only parts of prompts were computed, or if nothing is left to do.
  std::span<const TokenEvent> Step();

  // Forgets a sequence, wherever it is; no event of it comes after. Unknown ids are ignored.
  void Stop(SequenceId id);

  bool idle() const { return running_.empty() && waiting_.empty(); }

 private:
  void Admit();
  void AdoptCached(Sequence& sequence);
  void Schedule();
  void Propose(std::span<Sequence* const> decoding);
  void ScheduleDecoding(Sequence& sequence);
  std::size_t SchedulePrompt(Sequence& sequence, std::size_t room);
  void Take(Sequence& sequence, const StepSequence& step, std::size_t& row);
  void Verify(Sequence& sequence, std::size_t& row);
  TokenEvent Advance(Sequence& sequence, std::span<const float> logits);

  Executor& executor_;
  EngineOptions options_;
  PrefixCache cache_;
  std::optional<Speculation> speculation_;
  std::int32_t next_id_ = 0;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
  std::vector<StepSequence> step_;      // of this step, with
  std::vector<Sequence*> step_owners_;  // whose they are
  // What of running_ decodes, and what still reads its prompt; kept so that a step allocates
  // nothing.
  std::vector<Sequence*> decoding_, reading_;
  bool only_decoding_ = false;  // no prompt is being read
  std::vector<TokenEvent> events_;
};

}  // namespace millrace

// Guesses how sequences go on, so that the engine can have several tokens of one sequence verified
// in one step. A guess costs time if it is wrong; it never changes a token (engine/engine.h).
//
// There are two: another, smaller model (draft_model.h), and the sequence's own past
// (prompt_lookup.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/typed_index.h"
#include "engine/sampler.h"
#include "engine/sequence_id.h"

namespace millrace {

struct ProposalRequest {
  SequenceId sequence;
  std::span<const TokenId> tokens;  // the prompt and the reply so far, at least one token
  std::int32_t most = 1;            // tokens wanted at most, at least 1
  std::int32_t positions = 0;       // the sequence will never have more
  // The sequence's own, behind `tokens`. Who asks it with his guess of the logits gets what the
  // sequence will choose if the guess is good, random draws included.
  Sampler* sampler = nullptr;
  std::vector<TokenId>* proposed = nullptr;  // empty; the proposal goes here, maybe nothing
};

class Proposer {
 public:
  virtual ~Proposer() = default;

  // A sequence's tokens begin with those of its last request, up to where a proposal was wrong.
  virtual void Propose(std::span<const ProposalRequest> requests) = 0;

  // The sequence has ended; one that never asked is ignored.
  virtual void Forget(SequenceId sequence) = 0;
};

}  // namespace millrace

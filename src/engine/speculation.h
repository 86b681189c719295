// Speculation of an engine: asks the proposer for guesses within the room of a step, and learns
// from what became of them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/draft_pace.h"
#include "engine/proposer.h"
#include "engine/sequence.h"

namespace millrace {

enum class DraftLengths {
  kMeasured,  // what is worth its time (draft_pace.h)
  kLongest,   // always as many tokens as allowed
};

struct SpeculationOptions {
  std::int32_t most = 16;  // proposed tokens of a sequence in a step
  std::int32_t least = 1;  // shorter proposals are not tried
  DraftLengths lengths = DraftLengths::kMeasured;
};

class Speculation {
 public:
  // The proposer must outlive this.
  Speculation(Proposer& proposer, const SpeculationOptions& options, std::int32_t vocabulary);

  // Fills `draft` of the sequences, each of which has one token to compute, with at most `room`
  // tokens together.
  void Propose(std::span<Sequence* const> sequences, std::size_t room);

  // The step with those sequences, and nothing else, took so long.
  void ObserveStep(double seconds);
  // Of its draft a sequence accepted so many tokens.
  void ObserveAcceptance(const Sequence& sequence, std::int32_t accepted);

  void Forget(SequenceId sequence);

 private:
  std::int32_t Length(const Sequence& sequence, std::int32_t most, bool costs_known,
                      std::size_t sequences);
  void Trim(std::vector<TokenId>& draft, std::int32_t most) const;

  Proposer& proposer_;
  SpeculationOptions options_;
  std::int32_t vocabulary_;
  DraftCosts costs_;
  DraftPace overall_;  // of all sequences; what a new one begins with
  std::map<SequenceId, DraftPace> paces_;
  std::vector<ProposalRequest> requests_;
  // Of the last Propose:
  std::size_t sequences_ = 0, proposed_ = 0;
  double seconds_ = 0;
  bool caught_up_ = false, catching_up_ = false;
};

}  // namespace millrace

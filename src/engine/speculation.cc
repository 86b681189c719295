#include "engine/speculation.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Speculation::Speculation(Proposer& proposer, const SpeculationOptions& options,
                         std::int32_t vocabulary)
    : proposer_(proposer), options_(options), vocabulary_(vocabulary) {
  MILLRACE_CHECK(options.most >= 1);
}

void Speculation::Propose(std::span<Sequence* const> sequences, std::size_t room) {
  for (Sequence* const sequence : sequences) sequence->draft.clear();
  sequences_ = sequences.size();
  proposed_ = 0;
  seconds_ = 0;
  requests_.clear();
  if (sequences.empty()) return;
  const bool costs_known = options_.lengths == DraftLengths::kLongest || costs_.Knows(sequences_);
  const std::size_t share = std::max<std::size_t>(1, room / sequences.size());
  for (Sequence* const sequence : sequences) {
    // The last token that a sequence may have is never computed.
    const std::int64_t most = std::min<std::int64_t>(
        {options_.most, static_cast<std::int64_t>(std::min(share, room)),
         sequence->last_position - static_cast<std::int64_t>(sequence->tokens.size())});
    const std::int32_t length =
        Length(*sequence, static_cast<std::int32_t>(std::max<std::int64_t>(most, 0)), costs_known,
               sequences_);
    if (length < std::max(options_.least, 1)) continue;
    room -= static_cast<std::size_t>(length);
    requests_.push_back({.sequence = sequence->id,
                         .tokens = sequence->tokens,
                         .most = length,
                         .positions = sequence->last_position,
                         .sampler = &sequence->sampler,
                         .proposed = &sequence->draft});
  }
  // A draft model that was not asked for a while first reads what it missed; that is no price of
  // the proposals to come.
  catching_up_ = !requests_.empty() && !caught_up_;
  caught_up_ = !requests_.empty();
  if (requests_.empty()) return;
  const auto begin = Clock::now();
  proposer_.Propose(requests_);
  seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
  for (const ProposalRequest& request : requests_) {
    Trim(*request.proposed, request.most);
    proposed_ += request.proposed->size();
  }
}

std::int32_t Speculation::Length(const Sequence& sequence, std::int32_t most, bool costs_known,
                                 std::size_t sequences) {
  if (most == 0 || !costs_known) return 0;
  if (options_.lengths == DraftLengths::kLongest) return most;
  DraftPace& pace = paces_.try_emplace(sequence.id, DraftPace(overall_.chance())).first->second;
  return pace.Next(costs_.price(sequences), most);
}

// Whatever the proposer did, the step can hold what is left.
void Speculation::Trim(std::vector<TokenId>& draft, std::int32_t most) const {
  const auto end = std::find_if(draft.begin(), draft.end(), [this](TokenId token) {
    return token.value < 0 || token.value >= vocabulary_;
  });
  draft.erase(end, draft.end());
  if (draft.size() > static_cast<std::size_t>(most)) draft.resize(static_cast<std::size_t>(most));
  if (draft.size() < static_cast<std::size_t>(options_.least)) draft.clear();
}

void Speculation::ObserveStep(double seconds) {
  if (proposed_ == 0) {
    costs_.ObservePlain(seconds, sequences_);
  } else if (!catching_up_) {
    costs_.ObserveDrafted(seconds + seconds_, sequences_, proposed_);
  }
}

void Speculation::ObserveAcceptance(const Sequence& sequence, std::int32_t accepted) {
  if (options_.lengths == DraftLengths::kLongest) return;
  const auto proposed = static_cast<std::int32_t>(sequence.draft.size());
  paces_.at(sequence.id).Observe(proposed, accepted);
  overall_.Observe(proposed, accepted);
}

void Speculation::Forget(SequenceId sequence) {
  proposer_.Forget(sequence);
  paces_.erase(sequence);
}

}  // namespace millrace

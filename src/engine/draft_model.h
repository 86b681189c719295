// Proposes what a smaller model of the same vocabulary would say, chosen by the sequence's own
// sampler: at a temperature it uses the very random numbers that the sequence will use, so a draft
// that agrees about the probabilities agrees about the draws.
//
// Source: Y. Leviathan, M. Kalman, Y. Matias, "Fast inference from transformers via speculative
// decoding", 2023. They accept at random so that the distribution is right; here a token is
// accepted only if it is the one that would have come anyway, so that the tokens are the same.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "engine/executor.h"
#include "engine/prefix_cache.h"
#include "engine/proposer.h"

namespace millrace {

class DraftModel final : public Proposer {
 public:
  // The executor is the draft's own, must outlive this, and have addressable KV blocks. Tokens that
  // only one of the vocabularies has are never proposed: the target's has `target_vocabulary` rows.
  DraftModel(Executor& executor, std::int32_t target_vocabulary);

  // Proposes nothing for a sequence that the draft's context or KV blocks have no room for.
  void Propose(std::span<const ProposalRequest> requests) override;
  void Forget(SequenceId sequence) override;

 private:
  struct Draft {
    KvLease kv;
    std::vector<TokenId> computed;  // whose keys and values are there
  };

  // A request at work.
  struct Task {
    const ProposalRequest* request;
    Draft* draft;
    std::size_t most;             // tokens to propose
    std::vector<TokenId> tokens;  // of the next step: not computed, then proposed
  };

  bool Prepare(const ProposalRequest& request, Task& task);
  void Step(std::span<Task* const> tasks);
  TokenId Choose(const ProposalRequest& request, std::span<const float> logits);

  Executor& executor_;
  PrefixCache cache_;
  std::map<SequenceId, Draft> drafts_;
  std::vector<float> target_logits_;  // [target_vocabulary]
};

}  // namespace millrace

// Proposes what followed when the sequence's last tokens stood in it before: for texts that repeat
// themselves or quote their prompt, as code, summaries and edits do. Costs next to nothing.
//
//     ... the cat sat on the mat . Then the cat sat ►on the mat .
//         └── the longest earlier place ──┘
//
// Source: A. Saxena, "Prompt lookup decoding", 2023.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/proposer.h"

namespace millrace {

struct PromptLookupOptions {
  std::size_t shortest = 2;  // tokens that must be the same, at least 1
  std::size_t longest = 12;  // a match this long is taken without looking for a longer one
};

// The tokens after the longest earlier occurrence of the end of `tokens`, the latest of equally
// long ones; at most `most`. Where they reach the end they go on with themselves.
void LookUp(std::span<const TokenId> tokens, std::size_t most, const PromptLookupOptions& options,
            std::vector<TokenId>& proposed);

class PromptLookup final : public Proposer {
 public:
  explicit PromptLookup(const PromptLookupOptions& options = {}) : options_(options) {}

  void Propose(std::span<const ProposalRequest> requests) override;
  void Forget(SequenceId) override {}

 private:
  PromptLookupOptions options_;
};

}  // namespace millrace

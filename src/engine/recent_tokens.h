// The tokens of the last so many steps, and how often each was among them: what the penalties look
// at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/typed_index.h"

namespace millrace {

// All memory is taken at construction: 8 bytes a vocabulary entry and 4 a token of the window.
class RecentTokens {
 public:
  // Remembers the last `window` tokens (0 or more), or all of them if `window` is -1.
  RecentTokens(std::size_t vocabulary_size, int window);

  void Push(TokenId token);  // in the vocabulary

  // Every token of the window once, in no particular order. Valid until the next Push.
  std::span<const TokenId> distinct() const { return {distinct_.data(), distinct_count_}; }
  int count(TokenId token) const { return counts_[token.index()]; }

 private:
  void Forget(TokenId token);

  bool endless_;
  std::vector<TokenId> ring_;  // the window; the oldest token stands at next_ once it is full
  std::size_t next_ = 0;
  std::size_t filled_ = 0;
  std::vector<int> counts_;          // by token
  std::vector<std::int32_t> place_;  // by token: where in distinct_, if its count is not 0
  std::vector<TokenId> distinct_;
  std::size_t distinct_count_ = 0;
};

}  // namespace millrace

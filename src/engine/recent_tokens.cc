#include "engine/recent_tokens.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace millrace {

RecentTokens::RecentTokens(std::size_t vocabulary_size, int window)
    : endless_(window < 0),
      ring_(endless_ ? 0 : static_cast<std::size_t>(window)),
      counts_(vocabulary_size),
      place_(vocabulary_size),
      distinct_(endless_ ? vocabulary_size : std::min(vocabulary_size, ring_.size() + 1)) {}

void RecentTokens::Push(TokenId token) {
  MILLRACE_CHECK(token.value >= 0 && token.index() < counts_.size());
  if (!endless_) {
    if (ring_.empty()) return;
    if (filled_ == ring_.size()) {
      Forget(ring_[next_]);
    } else {
      ++filled_;
    }
    ring_[next_] = token;
    next_ = (next_ + 1) % ring_.size();
  }
  int& count = counts_[token.index()];
  if (count == 0) {
    place_[token.index()] = static_cast<std::int32_t>(distinct_count_);
    distinct_[distinct_count_++] = token;
  }
  if (count < std::numeric_limits<int>::max()) ++count;
}

void RecentTokens::Forget(TokenId token) {
  if (--counts_[token.index()] > 0) return;
  // The last distinct token takes the place of the one that goes.
  const TokenId last = distinct_[--distinct_count_];
  const std::int32_t place = place_[token.index()];
  distinct_[static_cast<std::size_t>(place)] = last;
  place_[last.index()] = place;
}

}  // namespace millrace

// The largest logits, found without sorting the vocabulary.
//
// The maximum of every block of 64 logits is taken in one pass that the compiler vectorises. The
// k-th largest of these maxima is a bound: k blocks hold a logit at least as large, so no smaller
// logit is among the k largest. Only the blocks whose maximum reaches the bound, about k of them,
// are then looked at one by one.
//
// The order is by logit, and by the lower id among equals. A NaN is never a candidate.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/typed_index.h"

namespace millrace {

// The id of the largest logit, the lowest among equals. If all are NaN: 0. `logits` is not empty.
TokenId ArgMax(std::span<const float> logits);

struct Candidate {
  float logit = 0;
  TokenId token;

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// Looks at one set of logits at a time. All memory is taken at construction.
class Candidates {
 public:
  // For `vocabulary_size` logits, of which Largest() is asked for at most `most`.
  Candidates(std::size_t vocabulary_size, std::size_t most);

  // Takes up `logits`, which must stay as they are until the last call about them. Returns the
  // largest; -infinity if there is none.
  float Scan(std::span<const float> logits);

  // The `count` (1..most) largest of the scanned logits, best first; fewer where NaNs leave fewer.
  // The caller may change what it gets, which is valid until the next call.
  std::span<Candidate> Largest(std::size_t count);

  // All scanned logits of at least `threshold`, by ascending id. Wants `most` to be the
  // vocabulary's size.
  std::span<Candidate> AtLeast(double threshold);

 private:
  float BoundOfLargest(std::size_t count);
  std::size_t CollectLargest(std::size_t count, float bound);

  std::size_t vocabulary_size_;
  std::size_t most_;
  std::span<const float> logits_;
  std::vector<float> block_maxima_;
  std::vector<float> selection_;  // a copy of the maxima, to be reordered
  std::vector<Candidate> found_;
};

}  // namespace millrace

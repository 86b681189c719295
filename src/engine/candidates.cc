#include "engine/candidates.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>

#include "base/check.h"
#include "engine/quad.h"

namespace millrace {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr std::size_t kBlock = 64;

template <std::size_t kCount>
float MaximumOf(const float* x) {
  static_assert(kCount % 16 == 0);
  // Four maxima side by side, so that none waits for the one before.
  Quad a = Repeat(kNone);
  Quad b = a;
  Quad c = a;
  Quad d = a;
  for (std::size_t i = 0; i < kCount; i += 16) {
    a = Larger(LoadQuad(x + i), a);
    b = Larger(LoadQuad(x + i + 4), b);
    c = Larger(LoadQuad(x + i + 8), c);
    d = Larger(LoadQuad(x + i + 12), d);
  }
  a = Larger(Larger(a, b), Larger(c, d));
  return Larger(Larger(a[0], a[1]), Larger(a[2], a[3]));
}

float MaximumOf(const float* x, std::size_t count) {
  float largest = kNone;
  for (std::size_t i = 0; i < count; ++i) largest = Larger(x[i], largest);
  return largest;
}

TokenId Token(std::size_t index) { return TokenId{static_cast<std::int32_t>(index)}; }

bool ComesBefore(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

}  // namespace

TokenId ArgMax(std::span<const float> logits) {
  MILLRACE_CHECK(!logits.empty());
  constexpr std::size_t kStretch = 1024;
  float largest = kNone;
  std::size_t best_begin = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kStretch) {
    const std::size_t count = std::min(kStretch, logits.size() - begin);
    const float* x = logits.data() + begin;
    const float maximum = count == kStretch ? MaximumOf<kStretch>(x) : MaximumOf(x, count);
    if (maximum > largest) {
      largest = maximum;
      best_begin = begin;
    }
  }
  const auto first =
      std::find(logits.begin() + static_cast<std::ptrdiff_t>(best_begin), logits.end(), largest);
  return first == logits.end() ? TokenId{0}
                               : Token(static_cast<std::size_t>(first - logits.begin()));
}

Candidates::Candidates(std::size_t vocabulary_size, std::size_t most)
    : vocabulary_size_(vocabulary_size),
      most_(std::min(most, vocabulary_size)),
      block_maxima_((vocabulary_size + kBlock - 1) / kBlock),
      selection_(block_maxima_.size()),
      // At most count - 1 blocks have a maximum above the bound, and `count` logits equal to it are
      // enough.
      found_(std::min(vocabulary_size, most_ * (kBlock + 1))) {}

float Candidates::Scan(std::span<const float> logits) {
  MILLRACE_CHECK(logits.size() == vocabulary_size_);
  logits_ = logits;
  const std::size_t whole = logits.size() / kBlock;
  for (std::size_t block = 0; block < whole; ++block) {
    block_maxima_[block] = MaximumOf<kBlock>(logits.data() + block * kBlock);
  }
  if (whole < block_maxima_.size()) {
    block_maxima_[whole] =
        MaximumOf(logits.data() + whole * kBlock, logits.size() - whole * kBlock);
  }
  return MaximumOf(block_maxima_.data(), block_maxima_.size());
}

float Candidates::BoundOfLargest(std::size_t count) {
  if (count > block_maxima_.size()) return kNone;
  std::copy(block_maxima_.begin(), block_maxima_.end(), selection_.begin());
  const auto nth = selection_.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(selection_.begin(), nth, selection_.end(), std::greater<>());
  return *nth;
}

// Puts every logit above `bound` into found_, and of those equal to it the first `count`. Returns
// how many.
std::size_t Candidates::CollectLargest(std::size_t count, float bound) {
  std::size_t found = 0;
  std::size_t equal_left = count;
  for (std::size_t block = 0; block < block_maxima_.size(); ++block) {
    if (!(block_maxima_[block] >= bound)) continue;
    const std::size_t end = std::min(logits_.size(), (block + 1) * kBlock);
    for (std::size_t i = block * kBlock; i < end; ++i) {
      const float logit = logits_[i];
      if (!(logit >= bound)) continue;
      if (logit == bound) {
        if (equal_left == 0) continue;
        --equal_left;
      }
      found_[found++] = {logit, Token(i)};
    }
  }
  return found;
}

std::span<Candidate> Candidates::Largest(std::size_t count) {
  MILLRACE_CHECK(count >= 1 && count <= most_);
  const std::size_t found = CollectLargest(count, BoundOfLargest(count));
  const auto begin = found_.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(found);
  const auto kept_end = begin + static_cast<std::ptrdiff_t>(std::min(found, count));
  if (kept_end < end) std::nth_element(begin, kept_end, end, ComesBefore);
  std::sort(begin, kept_end, ComesBefore);
  return {begin, kept_end};
}

std::span<Candidate> Candidates::AtLeast(double threshold) {
  MILLRACE_CHECK(most_ == vocabulary_size_);
  std::size_t found = 0;
  for (std::size_t block = 0; block < block_maxima_.size(); ++block) {
    if (!(block_maxima_[block] >= threshold)) continue;
    const std::size_t end = std::min(logits_.size(), (block + 1) * kBlock);
    for (std::size_t i = block * kBlock; i < end; ++i) {
      if (logits_[i] >= threshold) found_[found++] = {logits_[i], Token(i)};
    }
  }
  return {found_.data(), found};
}

}  // namespace millrace

#include "text/piece_trie.h"

#include <algorithm>
#include <cstddef>
#include <deque>

#include "base/check.h"

namespace millrace {

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> pieces) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // Breadth first: a node stands for the pieces [begin, end), which agree in their first `depth`
  // bytes.
  struct Open {
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
  };
  std::deque<Open> open = {{0, pieces.size(), 0}};
  nodes_.push_back({0, 0, -1});
  bytes_.push_back(0);
  for (std::uint32_t node = 0; !open.empty(); ++node) {
    auto [begin, end, depth] = open.front();
    open.pop_front();
    for (; begin < end && pieces[begin].first.size() == depth; ++begin) {
      if (depth > 0 && nodes_[node].value < 0) nodes_[node].value = pieces[begin].second;
    }
    nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = pieces[begin].first[depth];
      std::size_t next = begin;
      while (next < end && pieces[next].first[depth] == byte) ++next;
      MILLRACE_CHECK(nodes_.size() < kNone);
      nodes_.push_back({0, 0, -1});
      bytes_.push_back(static_cast<std::uint8_t>(byte));
      open.push_back({begin, next, depth + 1});
      ++nodes_[node].children;
      begin = next;
    }
  }
}

std::uint32_t PieceTrie::Next(std::uint32_t node, char byte) const {
  const auto first = bytes_.begin() + nodes_[node].first_child;
  const auto last = first + nodes_[node].children;
  const auto wanted = static_cast<std::uint8_t>(byte);
  const auto found = std::lower_bound(first, last, wanted);
  if (found == last || *found != wanted) return kNone;
  return static_cast<std::uint32_t>(found - bytes_.begin());
}

std::optional<PieceTrie::Match> PieceTrie::LongestPrefix(std::string_view text) const {
  std::optional<Match> longest;
  std::uint32_t node = root();
  for (std::size_t i = 0; i < text.size(); ++i) {
    node = Next(node, text[i]);
    if (node == kNone) break;
    if (const auto value = ValueAt(node); value.has_value()) longest = Match{i + 1, *value};
  }
  return longest;
}

}  // namespace millrace

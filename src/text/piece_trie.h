// A set of strings that answers, in one walk over a text: which of them begin here?
//
//     std::uint32_t node = trie.root();
//     for (i = begin; i < text.size() && (node = trie.Next(node, text[i])) != PieceTrie::kNone;
//     ++i)
//       if (trie.ValueAt(node).has_value()) ...  // text[begin, i] is a piece
//
// Immutable. A node costs 12 bytes; its edges lie together, sorted by byte, and are found by
// bisection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

class PieceTrie {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  PieceTrie() : PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>>()) {}
  // Each string with its value. Empty ones are left out; of two alike the first counts. Less than
  // 2^32 - 1 bytes together.
  explicit PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> pieces);

  std::uint32_t root() const { return 0; }
  // Where `byte` leads from `node`, or kNone.
  std::uint32_t Next(std::uint32_t node, char byte) const;
  // The value of the string that ends at `node`.
  std::optional<std::int32_t> ValueAt(std::uint32_t node) const {
    if (nodes_[node].value < 0) return std::nullopt;
    return nodes_[node].value;
  }

  struct Match {
    std::size_t bytes;
    std::int32_t value;
  };
  // The longest string that `text` begins with.
  std::optional<Match> LongestPrefix(std::string_view text) const;

 private:
  struct Node {
    std::uint32_t first_child;  // children are consecutive nodes
    std::uint32_t children;
    std::int32_t value;  // -1: none
  };

  std::vector<Node> nodes_;
  std::vector<std::uint8_t> bytes_;  // of the edge that leads to each node
};

}  // namespace millrace

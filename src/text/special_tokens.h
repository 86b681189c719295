// The tokens that are recognised in a text as a whole, before anything else looks at it.
//
// User-defined tokens always are; control and unknown tokens only when the caller asks for it,
// since otherwise a user could write <|im_end|> into a prompt. Longer tokens go first: wherever the
// longest occurs it is taken, from left to right, then the next longest in what is left, of equal
// length the lower id. (So not the leftmost match wins but the longest: the order of llama.cpp.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/typed_index.h"
#include "text/piece_table.h"

namespace millrace {

// Either a special token or a stretch of text, never empty, that contains none.
struct TextFragment {
  std::string_view text;
  std::optional<TokenId> token;
};

// Whether control and unknown tokens are recognised.
enum class ParseSpecial { kNo, kYes };

class SpecialTokens {
 public:
  explicit SpecialTokens(const PieceTable& pieces);

  // `text` cut at its special tokens, in order. The views are of `text`. Time is linear in the
  // text, times the number of special tokens that do occur in it, times the length of those that
  // nest.
  std::vector<TextFragment> Split(std::string_view text, ParseSpecial parse) const;

 private:
  struct Special {
    std::string text;
    TokenId token;
    bool is_user_defined;
    bool swallows_space;
  };
  struct Match {
    std::size_t begin;
    std::size_t end;  // with the space that it swallows
    TokenId token;
  };

  void AddToTrie(std::uint32_t special);
  std::vector<std::uint32_t> Occurring(std::string_view text, ParseSpecial parse) const;
  std::vector<Match> FindMatches(std::string_view text, ParseSpecial parse) const;

  std::vector<Special> specials_;  // longest first, then by id
  // A trie of their spellings, which tells in one pass over a text which of them occur at all. Node
  // 0 is the root; an edge is keyed by (node << 8 | byte); ends_[node] is the special that is
  // spelled by the way to the node.
  std::unordered_map<std::uint64_t, std::uint32_t> edges_;
  std::vector<std::optional<std::uint32_t>> ends_;
  std::vector<std::uint32_t> root_edges_;  // by byte; 0 where there is none
};

}  // namespace millrace

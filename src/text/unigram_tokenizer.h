// Unigram tokenization: of all ways to write a text as pieces the one with the greatest sum of
// scores (logarithms of probabilities).
//
// best[i] is the best sum for the first i bytes; from each i in turn every piece that begins there
// is tried (Viterbi). O(n times the longest piece), however long the text. A character that no
// piece stands for may be unknown, for the lowest score of all minus 10; of equal sums the first
// found, that is the one with the longest last piece, holds. (Kudo, arXiv:1804.10959.)
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/typed_index.h"
#include "text/piece_table.h"
#include "text/piece_trie.h"

namespace millrace {

class UnigramTokenizer {
 public:
  // `pieces` must outlive this object, and have an unknown token.
  explicit UnigramTokenizer(const PieceTable& pieces);

  // Appends the tokens of `text`, which holds no special tokens. If nothing else cut the text into
  // words (Vocabulary::cuts), every space in it becomes U+2581. What has no piece becomes its byte
  // tokens if the vocabulary has byte fallback, otherwise a run of it becomes the unknown token.
  void Append(std::string_view text, std::vector<TokenId>& tokens) const;

 private:
  // The last piece of the best way to write the text up to some place.
  struct Step {
    double score;
    std::size_t begin;
    std::int32_t token;  // kUnknown: a character without a piece
  };

  std::vector<Step> FindBest(std::string_view text) const;
  void AppendBytes(std::string_view text, std::vector<TokenId>& tokens) const;

  const PieceTable* pieces_;
  PieceTrie trie_;  // of the pieces that text may become
  double unknown_score_;
};

}  // namespace millrace

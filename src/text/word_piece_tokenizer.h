// WordPiece tokenization: each word is the longest piece that it begins with, then the longest that
// the rest begins with, and so on; a word that leaves a rest without a piece is unknown as a whole.
//
//     " embeddings"  ->  ▁em | bed | ding | s
//
// Pieces are written as GGUF files write them: with U+2581 in front where a word begins, bare where
// it goes on (where BERT's own files have nothing and "##"). O(n times the longest piece). (Wu et
// al., arXiv:1609.08144; Devlin et al., arXiv:1810.04805.)
#pragma once

#include <string_view>
#include <vector>

#include "base/typed_index.h"
#include "text/piece_table.h"
#include "text/piece_trie.h"

namespace millrace {

class WordPieceTokenizer {
 public:
  // `pieces` must outlive this object, and have an unknown token.
  explicit WordPieceTokenizer(const PieceTable& pieces);

  // Appends the tokens of one word.
  void Append(std::string_view word, std::vector<TokenId>& tokens) const;

 private:
  const PieceTable* pieces_;
  PieceTrie trie_;
};

// Takes out the spaces that words written side by side have too many: before . , ? ! and in 's, 'm,
// 're, 've, and both around a single quotation mark. As llama.cpp does it.
std::string JoinWords(std::string_view text);

}  // namespace millrace

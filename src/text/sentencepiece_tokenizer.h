// SentencePiece tokenization: neighbours merge, best score first, as long as the result is a piece.
//
//     " lower"  ->  ▁ l o w e r  ->  ▁ lo w er  ->  ▁ low er  ->  ▁lower
//
// A queue holds every pair of neighbours whose concatenation is a piece; the pair with the highest
// score, among equals the leftmost, is merged, which makes at most two new pairs. With n characters
// there are at most n merges and 3n pairs, so O(n log n), however long the line. (The algorithm of
// SentencePiece's BPE mode, Kudo and Richardson, arXiv:1808.06226, as llama.cpp applies it to all
// "llama" vocabularies.)
//
// In the usual vocabularies no piece has a space behind anything but spaces. No merge then crosses
// the beginning of a space, and the text may be cut there, which keeps the queue in the cache.
#pragma once

#include <string_view>
#include <vector>

#include "base/typed_index.h"
#include "text/piece_table.h"

namespace millrace {

class SentencePieceTokenizer {
 public:
  // `pieces` must outlive this object.
  explicit SentencePieceTokenizer(const PieceTable& pieces);

  // Appends the tokens of `text`, which holds no special tokens; every space in it becomes U+2581.
  // Characters without a piece, and bytes that are not UTF-8, become their byte tokens, so every
  // text can be had back, except that U+2581 itself comes back as a space. Without byte fallback a
  // run of them becomes the unknown token. Less than 2^31 bytes
  // after the spaces are replaced.
  void Append(std::string_view text, std::vector<TokenId>& tokens) const;

 private:
  const PieceTable* pieces_;
  bool cuts_before_spaces_;
};

}  // namespace millrace

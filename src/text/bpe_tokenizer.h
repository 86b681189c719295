// BPE: text is cut into words, a word is bytes or characters, and neighbours merge in the order of
// the list of merges.
//
//     " lower"  ->  Ġ l o w e r  ->  Ġ lo w er  ->  Ġ low er  ->  Ġlower
//
// Within a word, of all neighbours that may merge the pair of the lowest rank goes first, among
// equals the leftmost; with a queue that is O(n log n) for a word of n bytes. (Sennrich et al.,
// arXiv:1508.07909; over bytes: Radford et al., "Language Models are Unsupervised Multitask
// Learners", 2019.)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/typed_index.h"
#include "text/piece_table.h"
#include "text/pre_tokenizer.h"

namespace millrace {

class BpeTokenizer {
 public:
  // `pieces` must outlive this object. Without a pre-tokenizer every text is one word. kInvalid,
  // naming the merge, if one of the vocabulary's merges is not "left right", or if left, right or
  // leftright is not a piece.
  static Result<BpeTokenizer> Build(const PieceTable& pieces,
                                    std::optional<PreTokenizer> pre_tokenizer);

  // Appends the tokens of `text`, which holds no special tokens. Bytes that are not UTF-8 are read
  // as U+FFFD each.
  //
  // Byte-level: a byte that the vocabulary has no token for (text/piece_table.h) is left out.
  // Otherwise: a character without a piece becomes its bytes' pieces if the vocabulary has byte
  // fallback and all of them, else the unknown token, and is left out if there is none.
  void Append(std::string_view text, std::vector<TokenId>& tokens) const;

 private:
  struct Merge {
    std::int32_t rank;
    TokenId merged;
  };
  class WordMerger;

  BpeTokenizer(const PieceTable& pieces, std::optional<PreTokenizer> pre_tokenizer);

  Result<void> AddMerge(std::string_view left, std::string_view right);
  Result<void> AddMerge(std::string_view merge);
  bool IsOfTheModel(TokenId token) const;
  std::optional<Merge> FindMerge(TokenId left, TokenId right) const;

  const PieceTable* pieces_;
  std::optional<PreTokenizer> pre_tokenizer_;
  bool is_byte_level_;
  bool keeps_whole_words_;
  std::unordered_map<std::uint64_t, Merge> merges_;  // by (left id << 32 | right id)
  std::int32_t next_rank_ = 0;
};

}  // namespace millrace

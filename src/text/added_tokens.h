// The added tokens of a tokenizer.json: recognised in a text as a whole, before anything else looks
// at it, or, those that are "normalized", after the normalizer.
//
// Going through the text from left to right, at the first place where one begins the longest of
// those that begin there is taken. (Other vocabularies' specials: text/special_tokens.h.)
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"
#include "text/piece_table.h"
#include "text/piece_trie.h"
#include "text/special_tokens.h"
#include "text/vocabulary.h"

namespace millrace {

class AddedTokens {
 public:
  enum class When { kBeforeNormalizer, kAfterNormalizer };

  // Those of the vocabulary, which must have some list of them (Vocabulary::added_tokens).
  AddedTokens(const PieceTable& pieces, const Normalizer& normalizer);

  // `text` cut at those tokens that are looked for at this time. The views are of `text`; a token's
  // holds the white space that it swallows. Without ParseSpecial::kYes a control token stays text.
  std::vector<TextFragment> Split(std::string_view text, ParseSpecial parse, When when) const;

 private:
  struct Added {
    AddedToken token;
    bool is_user_defined;
  };

  std::vector<Added> added_;
  std::array<PieceTrie, 2> tries_;  // by When; values are indices into added_
};

}  // namespace millrace

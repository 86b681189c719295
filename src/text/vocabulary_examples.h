// Small vocabularies for the tests and the fuzz target of this folder, not for programs.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace millrace::examples {

// Ids 0 <unk>, 1 <s>, 2 </s>, 3-258 the bytes, then `pieces`, of which the first has the highest
// score.
inline Vocabulary SentencePiece(std::initializer_list<std::string_view> pieces) {
  Vocabulary vocabulary;
  vocabulary.kind = VocabularyKind::kSentencePiece;
  vocabulary.pieces = {"<unk>", "<s>", "</s>"};
  vocabulary.kinds = {PieceKind::kUnknown, PieceKind::kControl, PieceKind::kControl};
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.pieces.push_back(fmt::format("<0x{:02X}>", byte));
    vocabulary.kinds.push_back(PieceKind::kByte);
  }
  vocabulary.scores.resize(vocabulary.pieces.size(), 0.0f);
  for (const std::string_view piece : pieces) {
    vocabulary.scores.push_back(-static_cast<float>(vocabulary.pieces.size()));
    vocabulary.pieces.emplace_back(piece);
    vocabulary.kinds.push_back(PieceKind::kNormal);
  }
  return vocabulary;
}

// Ids 0-255 the bytes, then the results of `merges`, then <|endoftext|>, which is eos.
inline Vocabulary ByteLevelBpe(std::initializer_list<std::string_view> merges) {
  Vocabulary vocabulary;
  vocabulary.kind = VocabularyKind::kByteLevelBpe;
  vocabulary.pre_tokenizer = "gpt-2";
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.pieces.emplace_back(LetterOfByte(static_cast<std::uint8_t>(byte)));
  }
  for (const std::string_view merge : merges) {
    const std::size_t space = merge.find(' ');
    MILLRACE_CHECK(space != std::string_view::npos);
    vocabulary.merges.emplace_back(merge);
    vocabulary.pieces.push_back(std::string(merge.substr(0, space)) +
                                std::string(merge.substr(space + 1)));
  }
  vocabulary.kinds.resize(vocabulary.pieces.size(), PieceKind::kNormal);
  vocabulary.eos = TokenId{static_cast<std::int32_t>(vocabulary.pieces.size())};
  vocabulary.pieces.emplace_back("<|endoftext|>");
  vocabulary.kinds.push_back(PieceKind::kControl);
  return vocabulary;
}

// Puts another piece at the end; gives its id.
inline TokenId AddPiece(Vocabulary& vocabulary, std::string_view piece, PieceKind kind) {
  const TokenId id{static_cast<std::int32_t>(vocabulary.pieces.size())};
  vocabulary.pieces.emplace_back(piece);
  vocabulary.kinds.push_back(kind);
  if (!vocabulary.scores.empty()) vocabulary.scores.push_back(0.0f);
  return id;
}

inline Tokenizer BuildOrDie(Vocabulary vocabulary) {
  Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary));
  MILLRACE_CHECK(tokenizer.ok());
  return std::move(tokenizer).value();
}

}  // namespace millrace::examples

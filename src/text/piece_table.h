// A vocabulary that has been checked, and the three questions that tokenizers ask of it: which
// token is spelled so, which bytes does a token stand for, which token stands for a byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/typed_index.h"
#include "text/vocabulary.h"

namespace millrace {

class PieceTable {
 public:
  // Checks `vocabulary` and completes what files may leave open: kinds, the ids and switches with
  // defaults (the pre-tokenizer's are not known here: the caller passes its default of add_bos),
  // kinds that spelling contradicts.
  //
  // kInvalid, naming the field and the token: no pieces at all, an empty piece, two alike, arrays
  // of another length, a score that is not finite, an id outside the vocabulary, bos, eos,
  // separator or unknown wanted but not there, a byte piece not spelled <0xXX>, and in a
  // SentencePiece vocabulary with byte fallback a byte that no piece stands for.
  static Result<PieceTable> Build(Vocabulary vocabulary, bool add_bos_default);

  PieceTable(PieceTable&&) = default;
  PieceTable& operator=(PieceTable&&) = default;
  PieceTable(const PieceTable&) = delete;  // views into the pieces would stay behind
  PieceTable& operator=(const PieceTable&) = delete;

  // As given, with nothing left open but ids that do not exist.
  const Vocabulary& vocabulary() const { return vocabulary_; }
  std::size_t size() const { return vocabulary_.pieces.size(); }

  // The token spelled exactly so.
  std::optional<TokenId> Find(std::string_view piece) const;

  // What the token is in a text. For control and unknown tokens their spelling, for unused ones
  // nothing. One token may be part of a UTF-8 sequence only.
  std::string_view Bytes(TokenId token) const { return bytes_[token.index()]; }
  PieceKind kind(TokenId token) const { return vocabulary_.kinds[token.index()]; }
  float score(TokenId token) const { return vocabulary_.scores[token.index()]; }

  // The token that stands for a single byte. Always there in a SentencePiece vocabulary with byte
  // fallback, never in one of another kind without; in byte-level BPE a vocabulary may lack bytes
  // that never occur in UTF-8, and some lack more.
  std::optional<TokenId> OfByte(std::uint8_t byte) const { return of_byte_[byte]; }

  std::size_t longest_piece_bytes() const { return longest_piece_bytes_; }

 private:
  explicit PieceTable(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  Result<void> CompleteArrays();
  Result<void> IndexPieces();
  Result<void> CompleteIds();
  Result<void> CompleteSwitches(bool add_bos_default);
  Result<void> CompleteAffixes();
  Result<void> DecodePieces();
  Result<void> IndexBytes();

  Vocabulary vocabulary_;
  std::unordered_map<std::string_view, TokenId> by_piece_;  // keys are views of vocabulary_.pieces
  std::vector<std::string> bytes_;
  std::array<std::optional<TokenId>, 256> of_byte_;
  std::size_t longest_piece_bytes_ = 0;
};

// How a SentencePiece vocabulary writes a space: U+2581.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

// 0x41 for "<0x41>", with capital letters as digits.
std::optional<std::uint8_t> ByteOfHexSpelling(std::string_view piece);

// `text` with every space (U+0020) written as kSpaceMark.
std::string EscapeSpaces(std::string_view text);

}  // namespace millrace

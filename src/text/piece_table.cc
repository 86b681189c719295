#include "text/piece_table.h"

#include <cmath>
#include <limits>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/known_specials.h"

namespace millrace {
namespace {

std::optional<unsigned> HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'A' && digit <= 'F') return static_cast<unsigned>(digit - 'A' + 10);
  return std::nullopt;
}

std::string UnescapeSpaces(std::string_view piece) {
  std::string text;
  text.reserve(piece.size());
  std::size_t begin = 0;
  for (;;) {
    const std::size_t mark = piece.find(kSpaceMark, begin);
    text += piece.substr(begin, mark - begin);
    if (mark == std::string_view::npos) return text;
    text += ' ';
    begin = mark + kSpaceMark.size();
  }
}

// `word` without the space in front where a sentence has none.
std::string JoinToPrevious(std::string word) {
  static constexpr std::string_view kJoined[] = {" .",  " ?",  " !",   " ,",  " n't",
                                                 " 'm", " 's", " 've", " 're"};
  for (const std::string_view joined : kJoined) {
    if (word.starts_with(joined)) return word.substr(1);
  }
  return word;
}

std::string TextOf(const std::string& piece, Spelling spelling) {
  switch (spelling) {
    case Spelling::kSpaceMark:
      return UnescapeSpaces(piece);
    case Spelling::kByteAlphabet:
      return BytesOfSpelling(piece);
    case Spelling::kPlain:
      return piece;
    case Spelling::kWords:
      return UnescapeSpaces(piece);
    case Spelling::kJoinedWords:
      return JoinToPrevious(UnescapeSpaces(piece));
  }
  return piece;
}

Result<void> CheckId(std::string_view name, std::optional<TokenId> id, std::size_t pieces) {
  if (!id.has_value()) return {};
  if (id->value >= 0 && id->index() < pieces) return {};
  return Invalid("vocabulary: the {} token is {}, there are {} tokens", name, id->value, pieces);
}

// `id`, or `fallback` where the file names none and the vocabulary is large enough to have it.
void Default(std::optional<TokenId>& id, std::int32_t fallback, std::size_t pieces) {
  if (id.has_value() || static_cast<std::size_t>(fallback) >= pieces) return;
  id = TokenId{fallback};
}

}  // namespace

std::optional<std::uint8_t> ByteOfHexSpelling(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  const std::optional<unsigned> high = HexDigit(piece[3]);
  const std::optional<unsigned> low = HexDigit(piece[4]);
  if (!high.has_value() || !low.has_value()) return std::nullopt;
  return static_cast<std::uint8_t>(16 * *high + *low);
}

std::string EscapeSpaces(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (c == ' ') {
      escaped += kSpaceMark;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

Result<PieceTable> PieceTable::Build(Vocabulary vocabulary, bool add_bos_default) {
  PieceTable table(std::move(vocabulary));
  MILLRACE_TRY_VOID(table.CompleteArrays());
  MILLRACE_TRY_VOID(table.IndexPieces());
  MILLRACE_TRY_VOID(table.CompleteIds());
  MILLRACE_TRY_VOID(table.CompleteSwitches(add_bos_default));
  MILLRACE_TRY_VOID(table.DecodePieces());
  MILLRACE_TRY_VOID(table.IndexBytes());
  return table;
}

std::optional<TokenId> PieceTable::Find(std::string_view piece) const {
  const auto found = by_piece_.find(piece);
  if (found == by_piece_.end()) return std::nullopt;
  return found->second;
}

Result<void> PieceTable::CompleteArrays() {
  const std::size_t pieces = vocabulary_.pieces.size();
  if (pieces == 0) return Invalid("vocabulary: no tokens");
  if (pieces > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return Invalid("vocabulary: {} tokens, at most 2^31 - 1 can be numbered", pieces);
  }
  if (vocabulary_.scores.empty()) vocabulary_.scores.resize(pieces, 0.0f);
  if (vocabulary_.scores.size() != pieces) {
    return Invalid("vocabulary: {} scores for {} tokens", vocabulary_.scores.size(), pieces);
  }
  for (std::size_t i = 0; i < pieces; ++i) {
    if (std::isfinite(vocabulary_.scores[i])) continue;
    return Invalid("vocabulary: the score of token {} is {}, wanted a finite number", i,
                   vocabulary_.scores[i]);
  }
  const VocabularyKind kind = vocabulary_.kind;
  if (!vocabulary_.byte_fallback.has_value()) {
    vocabulary_.byte_fallback = kind == VocabularyKind::kSentencePiece;
  }
  if (!vocabulary_.spelling.has_value()) {
    vocabulary_.spelling =
        kind == VocabularyKind::kByteLevelBpe ? Spelling::kByteAlphabet : Spelling::kSpaceMark;
  }
  if (vocabulary_.kinds.empty()) {
    const bool has_bytes = *vocabulary_.byte_fallback && kind != VocabularyKind::kByteLevelBpe;
    for (const std::string& piece : vocabulary_.pieces) {
      const bool is_byte = has_bytes && ByteOfHexSpelling(piece).has_value();
      vocabulary_.kinds.push_back(is_byte ? PieceKind::kByte : PieceKind::kNormal);
    }
  }
  if (vocabulary_.kinds.size() != pieces) {
    return Invalid("vocabulary: {} token types for {} tokens", vocabulary_.kinds.size(), pieces);
  }
  CorrectKindsBySpelling(vocabulary_);
  return {};
}

Result<void> PieceTable::IndexPieces() {
  by_piece_.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string_view piece = vocabulary_.pieces[i];
    if (piece.empty()) {
      if (vocabulary_.kinds[i] == PieceKind::kUnused) continue;
      return Invalid("vocabulary: token {} is empty, a hole among {} tokens", i, size());
    }
    const auto [entry, is_new] = by_piece_.emplace(piece, TokenId{static_cast<std::int32_t>(i)});
    if (!is_new) {
      return Invalid("vocabulary: tokens {} and {} are both spelled '{}'", entry->second.value, i,
                     piece);
    }
    longest_piece_bytes_ = std::max(longest_piece_bytes_, piece.size());
  }
  return {};
}

Result<void> PieceTable::CompleteIds() {
  Vocabulary& v = vocabulary_;
  MILLRACE_TRY_VOID(CheckId("bos", v.bos, size()));
  MILLRACE_TRY_VOID(CheckId("eos", v.eos, size()));
  MILLRACE_TRY_VOID(CheckId("eot", v.eot, size()));
  MILLRACE_TRY_VOID(CheckId("eom", v.eom, size()));
  MILLRACE_TRY_VOID(CheckId("unknown", v.unknown, size()));
  MILLRACE_TRY_VOID(CheckId("pad", v.pad, size()));
  MILLRACE_TRY_VOID(CheckId("separator", v.separator, size()));
  MILLRACE_TRY_VOID(CheckId("mask", v.mask, size()));
  const bool has_defaults = !v.prefix.has_value();
  switch (v.kind) {
    case VocabularyKind::kSentencePiece:
      if (!has_defaults) break;
      Default(v.bos, 1, size());
      Default(v.eos, 2, size());
      Default(v.unknown, 0, size());
      break;
    case VocabularyKind::kUnigram:
      if (!has_defaults) break;
      Default(v.eos, 1, size());
      Default(v.unknown, 2, size());
      Default(v.pad, 0, size());
      break;
    case VocabularyKind::kWordPiece:
      if (!has_defaults) break;
      Default(v.bos, 101, size());
      Default(v.unknown, 100, size());
      Default(v.separator, 102, size());
      Default(v.pad, 0, size());
      Default(v.mask, 103, size());
      break;
    case VocabularyKind::kByteLevelBpe:
    case VocabularyKind::kCharacterBpe:
      break;
  }
  if (!v.eot.has_value()) v.eot = FindEndOfTurn(v);
  if (!v.eom.has_value()) v.eom = Find("<|eom_id|>");
  const bool needs_unknown = v.kind == VocabularyKind::kUnigram ||
                             v.kind == VocabularyKind::kWordPiece ||
                             (v.kind == VocabularyKind::kSentencePiece && !*v.byte_fallback);
  if (needs_unknown && !v.unknown.has_value()) {
    return Invalid("vocabulary: no unknown token, which this kind of vocabulary needs");
  }
  return {};
}

Result<void> PieceTable::CompleteSwitches(bool add_bos_default) {
  Vocabulary& v = vocabulary_;
  const bool is_word_piece = v.kind == VocabularyKind::kWordPiece;
  const bool is_bpe =
      v.kind == VocabularyKind::kByteLevelBpe || v.kind == VocabularyKind::kCharacterBpe;
  const bool has_space_prefix = !is_bpe && !is_word_piece;
  if (!v.add_bos.has_value()) v.add_bos = add_bos_default;
  if (!v.add_eos.has_value()) v.add_eos = v.kind == VocabularyKind::kUnigram;
  if (!v.add_separator.has_value() || !is_word_piece) v.add_separator = is_word_piece;
  if (!v.add_space_prefix.has_value() || !has_space_prefix) v.add_space_prefix = has_space_prefix;
  if (!v.drops_first_space.has_value()) v.drops_first_space = *v.add_space_prefix;
  if (!v.fuse_unknown.has_value()) v.fuse_unknown = !is_bpe;
  return CompleteAffixes();
}

// What encoding puts around a text.
Result<void> PieceTable::CompleteAffixes() {
  Vocabulary& v = vocabulary_;
  if (!v.prefix.has_value()) {
    v.prefix.emplace();
    if (*v.add_bos && !v.bos.has_value()) {
      return Invalid("vocabulary: a bos token is to be added, but none is named");
    }
    if (*v.add_bos) v.prefix->push_back(*v.bos);
  }
  if (!v.suffix.has_value()) {
    v.suffix.emplace();
    if (*v.add_eos && !v.eos.has_value()) {
      return Invalid("vocabulary: an eos token is to be added, but none is named");
    }
    if (*v.add_separator && !v.separator.has_value()) {
      return Invalid("vocabulary: a separator is to be added, but none is named");
    }
    if (*v.add_separator) v.suffix->push_back(*v.separator);
    if (*v.add_eos) v.suffix->push_back(*v.eos);
  }
  for (const TokenId id : *v.prefix) MILLRACE_TRY_VOID(CheckId("prefix", id, size()));
  for (const TokenId id : *v.suffix) MILLRACE_TRY_VOID(CheckId("suffix", id, size()));
  if (!v.added_tokens.has_value()) return {};
  for (const AddedToken& added : *v.added_tokens) {
    MILLRACE_TRY_VOID(CheckId("added", added.id, size()));
  }
  return {};
}

Result<void> PieceTable::DecodePieces() {
  bytes_.reserve(size());
  const bool spaces_specials =
      *vocabulary_.spelling == Spelling::kWords || *vocabulary_.spelling == Spelling::kJoinedWords;
  const bool added_mean_spaces =
      vocabulary_.added_tokens.has_value() && *vocabulary_.spelling == Spelling::kSpaceMark;
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string& piece = vocabulary_.pieces[i];
    switch (vocabulary_.kinds[i]) {
      case PieceKind::kNormal:
        bytes_.push_back(TextOf(piece, *vocabulary_.spelling));
        continue;
      case PieceKind::kUnknown:
      case PieceKind::kControl:
        bytes_.push_back(spaces_specials ? " " + piece : piece);
        continue;
      case PieceKind::kUserDefined:
        // Added tokens are also what merges make: Gemma's runs of U+2581 are.
        bytes_.push_back(added_mean_spaces ? UnescapeSpaces(piece) : piece);
        continue;
      case PieceKind::kUnused:
        bytes_.emplace_back();
        continue;
      case PieceKind::kByte: {
        const std::optional<std::uint8_t> byte = ByteOfHexSpelling(piece);
        if (!byte.has_value()) {
          return Invalid("vocabulary: token {} is a byte spelled '{}', wanted <0xXX>", i, piece);
        }
        bytes_.emplace_back(1, static_cast<char>(*byte));
        continue;
      }
    }
    return Invalid("vocabulary: token {} is of type {}, wanted 1 to 6", i,
                   static_cast<std::int32_t>(vocabulary_.kinds[i]));
  }
  return {};
}

Result<void> PieceTable::IndexBytes() {
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (vocabulary_.kind == VocabularyKind::kByteLevelBpe) {
      of_byte_[byte] = Find(LetterOfByte(static_cast<std::uint8_t>(byte)));
      continue;
    }
    if (!*vocabulary_.byte_fallback) continue;
    of_byte_[byte] = Find(fmt::format("<0x{:02X}>", byte));
    if (vocabulary_.kind != VocabularyKind::kSentencePiece) continue;
    if (!of_byte_[byte].has_value()) of_byte_[byte] = Find(std::string(1, static_cast<char>(byte)));
    if (!of_byte_[byte].has_value()) {
      return Invalid("vocabulary: no token stands for the byte 0x{:02X}, wanted <0x{:02X}>", byte,
                     byte);
    }
  }
  return {};
}

}  // namespace millrace

// What a model file says about its tokenizer, as plain fields: the input of Tokenizer::Build().
//
// Whoever reads a file format fills one of these; each comment names the GGUF key of the field and
// what a file without the key means. A filler copies and does not judge: Tokenizer::Build() checks
// everything and completes the defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/typed_index.h"

namespace millrace {

// tokenizer.ggml.model (a string without which there is no tokenizer).
enum class VocabularyKind {
  kSentencePiece,  // "llama": pieces with scores, spaces written as U+2581, bytes as <0xXX>
  kByteLevelBpe,   // "gpt2": merges by rank over bytes written in a printable alphabet
                   // (text/byte_alphabet.h)
};

// One element of tokenizer.ggml.token_type, an array of int32. The values are those of the file.
enum class PieceKind : std::int32_t {
  kNormal = 1,
  kUnknown = 2,      // stands for what has no piece; text becomes it only by parsing special tokens
  kControl = 3,      // <s>, <|im_end|>: not text; recognised in text only by parsing special tokens
  kUserDefined = 4,  // always recognised in text, before everything else; is text
  kUnused = 5,       // never decodes to anything
  kByte = 6,         // <0x41> is the byte 0x41
};

// The PieceKind with this number in a file; nothing for a number that means none. 0 means
// "undefined", which is the same as unused.
constexpr std::optional<PieceKind> PieceKindFromFile(std::int64_t value) {
  if (value == 0) return PieceKind::kUnused;
  if (value < 1 || value > 6) return std::nullopt;
  return static_cast<PieceKind>(value);
}

struct Vocabulary {
  VocabularyKind kind = VocabularyKind::kSentencePiece;

  // tokenizer.ggml.tokens, an array of strings: how each token is spelled, by id. Must be there, no
  // two alike, and empty only where the kind is kUnused.
  std::vector<std::string> pieces;

  // tokenizer.ggml.scores, float32 by id: of two possible merges the one with the higher score
  // happens first. SentencePiece only. Empty (all 0) or as many as pieces.
  std::vector<float> scores;

  // tokenizer.ggml.token_type, by id. Empty or as many as pieces. Empty: <0xXX> is a byte in a
  // SentencePiece vocabulary, every other piece is normal.
  std::vector<PieceKind> kinds;

  // tokenizer.ggml.merges, an array of strings "left right": pairs of pieces, the first is merged
  // first. Byte-level BPE only, where the key must be there.
  std::vector<std::string> merges;

  // tokenizer.ggml.pre: how text is cut into words before the merges (text/pre_tokenizer.h lists
  // the names). Empty if the key is missing, which means the same as "default". Not looked at for
  // SentencePiece.
  std::string pre_tokenizer;

  // Ids with a meaning. A missing key: bos 1, eos 2, unknown 0 for SentencePiece (none, if there
  // are fewer pieces), none for byte-level BPE. A missing eot is looked for among the pieces by its
  // usual spellings.
  std::optional<TokenId> bos;  // tokenizer.ggml.bos_token_id      begins a text
  std::optional<TokenId> eos;  // tokenizer.ggml.eos_token_id      ends a text
  std::optional<TokenId> eot;  // tokenizer.ggml.eot_token_id      ends a turn of a conversation
  std::optional<TokenId>
      eom;  // tokenizer.ggml.eom_token_id      ends a message, a tool call follows
  std::optional<TokenId> unknown;  // tokenizer.ggml.unknown_token_id
  std::optional<TokenId> pad;      // tokenizer.ggml.padding_token_id

  // tokenizer.ggml.add_bos_token: whether encoding with special tokens puts bos in front. Missing
  // key: yes for SentencePiece and for the pre-tokenizers of Llama 3 and Mistral (tekken),
  // otherwise no.
  std::optional<bool> add_bos;

  // tokenizer.ggml.add_eos_token: the same for eos at the end. Missing key: no.
  std::optional<bool> add_eos;

  // tokenizer.ggml.add_space_prefix: whether text that begins, or follows a special token, gets a
  // space in front. Missing key: yes for SentencePiece. Not looked at for byte-level BPE.
  std::optional<bool> add_space_prefix;

  // Special tokens other than <unk>, <s> and <|endoftext|> swallow the white space that follows
  // them in a text. No key says so: it is true of Phi-3 files, those whose general.name contains
  // "phi-3" or "phi3" in any case of letters.
  bool specials_swallow_space = false;
};

}  // namespace millrace

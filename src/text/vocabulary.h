// What a model file says about its tokenizer, as plain fields: the input of Tokenizer::Build().
//
// Whoever reads a file format fills one of these; each comment names the GGUF key of the field and
// what a file without the key means. The fields behind those are for what tokenizer.json and
// tokenizer.model say beyond that. A filler copies and does not judge: Tokenizer::Build() checks
// everything and completes the defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/typed_index.h"
#include "text/normalizer.h"
#include "text/word_cutter.h"

namespace millrace {

// tokenizer.ggml.model (a string without which there is no tokenizer).
enum class VocabularyKind {
  kSentencePiece,  // "llama": pieces with scores, spaces written as U+2581, bytes as <0xXX>
  kByteLevelBpe,   // "gpt2": merges by rank over bytes written in a printable alphabet
                   // (text/byte_alphabet.h)
  kCharacterBpe,   // merges by rank over characters; no GGUF kind
  kUnigram,        // "t5": the pieces with the greatest sum of scores, spaces written as U+2581
  kWordPiece,      // "bert": the longest piece first; what begins a word begins with U+2581
};

// How pieces spell text.
enum class Spelling {
  kSpaceMark,     // U+2581 is a space
  kByteAlphabet,  // every letter is a byte (text/byte_alphabet.h)
  kPlain,
  kWords,        // U+2581 is a space, and every special token has one in front
  kJoinedWords,  // the same, but not in front of . , ? ! and contractions
};

// A piece that is recognised in a text as a whole, as tokenizer.json describes it.
struct AddedToken {
  TokenId id;
  bool left_strip = false;   // it swallows the white space in front
  bool right_strip = false;  // and behind
  bool single_word = false;  // only where no letter, digit or underscore is next to it
  bool normalized = false;   // looked for after the normalizer, spelled as that leaves it
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
  // happens first. SentencePiece and Unigram only. Empty (all 0) or as many as pieces.
  std::vector<float> scores;

  // tokenizer.ggml.token_type, by id. Empty or as many as pieces. Empty: <0xXX> is a byte in a
  // SentencePiece vocabulary, every other piece is normal.
  std::vector<PieceKind> kinds;

  // tokenizer.ggml.merges, an array of strings "left right": pairs of pieces, the first is merged
  // first. BPE only, where the key must be there.
  std::vector<std::string> merges;

  // tokenizer.ggml.pre: how text is cut into words before the merges (text/pre_tokenizer.h lists
  // the names). Empty if the key is missing, which means the same as "default". Not looked at for
  // SentencePiece.
  std::string pre_tokenizer;

  // Ids with a meaning. A missing key: bos 1, eos 2, unknown 0 for SentencePiece; eos 1, unknown 2,
  // pad 0 for Unigram; bos 101, unknown 100, separator 102, pad 0, mask 103 for WordPiece (none, if
  // there are fewer pieces); none for BPE. A missing eot is looked for among the pieces by its
  // usual spellings.
  std::optional<TokenId> bos;  // tokenizer.ggml.bos_token_id      begins a text; WordPiece: also
                               // tokenizer.ggml.cls_token_id
  std::optional<TokenId> eos;  // tokenizer.ggml.eos_token_id      ends a text
  std::optional<TokenId> eot;  // tokenizer.ggml.eot_token_id      ends a turn of a conversation
  std::optional<TokenId>
      eom;  // tokenizer.ggml.eom_token_id      ends a message, a tool call follows
  std::optional<TokenId> unknown;  // tokenizer.ggml.unknown_token_id
  std::optional<TokenId> pad;      // tokenizer.ggml.padding_token_id
  std::optional<TokenId>
      separator;                // tokenizer.ggml.seperator_token_id, which is how it is spelled
  std::optional<TokenId> mask;  // tokenizer.ggml.mask_token_id

  // tokenizer.ggml.add_bos_token: whether encoding with special tokens puts bos in front. Missing
  // key: yes for SentencePiece, WordPiece and for the pre-tokenizers of Llama 3 and Mistral
  // (tekken), otherwise no.
  std::optional<bool> add_bos;

  // tokenizer.ggml.add_eos_token: the same for eos at the end. Missing key: yes for Unigram,
  // otherwise no.
  std::optional<bool> add_eos;

  // tokenizer.ggml.add_sep_token: the same for the separator at the end. Missing key: yes. Not
  // looked at but for WordPiece.
  std::optional<bool> add_separator;

  // tokenizer.ggml.add_space_prefix: whether text that begins, or follows a special token, gets a
  // space in front. Missing key: yes for SentencePiece and Unigram. Not looked at for BPE and
  // WordPiece.
  std::optional<bool> add_space_prefix;

  // Special tokens other than <unk>, <s> and <|endoftext|> swallow the white space that follows
  // them in a text. No key says so: it is true of Phi-3 files, those whose general.name contains
  // "phi-3" or "phi3" in any case of letters.
  bool specials_swallow_space = false;

  // The mask token swallows the white space in front of it. No key says so: it is true where
  // tokenizer.ggml.pre is one of the jina-v2 models, or general.name says modern-bert.
  bool mask_swallows_space = false;

  // What happens to a text first. From GGUF: tokenizer.ggml.precompiled_charsmap and
  // tokenizer.ggml.remove_extra_whitespaces for Unigram; for WordPiece CleanForWordPiece, changed
  // by tokenizer.ggml.normalizer.lowercase and .strip_accents.
  std::vector<NormalizerStep> normalizers;

  // ---- From here on fields that no GGUF key fills. ----

  // The same as `merges`, which come first, for pieces that may contain spaces.
  std::vector<std::pair<std::string, std::string>> merge_pairs;

  // How text is cut into words, instead of the named pre-tokenizer.
  std::optional<std::vector<CutStep>> cuts;

  // Which pieces are recognised in a text: of several that begin at the first such place the
  // longest. Missing: all control, unknown and user-defined pieces, the longest of the whole text
  // first. Of these, user-defined ones are recognised always, others only when parsing specials.
  std::optional<std::vector<AddedToken>> added_tokens;

  // The tokens that encoding with special tokens puts in front and at the end. Missing: as the
  // switches above say. With a prefix no id has a default.
  std::optional<std::vector<TokenId>> prefix;
  std::optional<std::vector<TokenId>> suffix;

  // Whether what has no piece becomes its byte pieces (which must all be there) and not the unknown
  // token. Missing: yes for SentencePiece; for BPE over characters and Unigram: no.
  std::optional<bool> byte_fallback;

  // Whether a run of characters without a piece becomes one unknown token. Missing: yes, but for
  // BPE no.
  std::optional<bool> fuse_unknown;

  // Whether a word that is a piece becomes that token even if the merges would not build it.
  // Missing: as the named pre-tokenizer has it. BPE only.
  std::optional<bool> keeps_whole_words;

  // Missing: kByteAlphabet for byte-level BPE, otherwise kSpaceMark.
  std::optional<Spelling> spelling;

  // Whether decoding takes a space off the first token. Missing: where a space is put in front.
  std::optional<bool> drops_first_space;

  // Whether text behind a user-defined token gets a space in front too, if any does. If not, a
  // user-defined token with nothing or a special token before it gets one itself: SentencePiece's
  // way, for which user-defined tokens are text.
  bool space_after_user_defined = true;

  // Unigram: whether sums of scores are rounded to float32 when they are kept, as SentencePiece
  // does it. Decides between ways whose sums are equal but for rounding.
  bool sums_in_float32 = false;

  // WordPiece: the characters of the longest word that is not unknown as such. 0: any.
  std::size_t longest_word = 0;
};

}  // namespace millrace

// Text to tokens and back.
//
//     MILLRACE_TRY(const Tokenizer tokenizer, Tokenizer::Build(std::move(vocabulary)));
//     std::vector<TokenId> prompt = tokenizer.Encode("The fox said");
//     std::string text = tokenizer.Decode(reply);          // all at once, or as it arrives:
//     text/stream_decoder.h
//
// Gives the tokens that llama.cpp gives for the same vocabulary of a GGUF file, those of Hugging
// Face's tokenizers for a tokenizer.json, those of SentencePiece for a tokenizer.model. Immutable,
// so any number of threads may use one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/typed_index.h"
#include "text/added_tokens.h"
#include "text/bpe_tokenizer.h"
#include "text/normalizer.h"
#include "text/piece_table.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/special_tokens.h"
#include "text/unigram_tokenizer.h"
#include "text/vocabulary.h"
#include "text/word_cutter.h"
#include "text/word_piece_tokenizer.h"

namespace millrace {

struct EncodeOptions {
  // Put bos in front and eos or a separator at the end, as far as the vocabulary wants that.
  bool add_special = true;
  // Recognise control tokens spelled out in the text, as chat templates write them. Leave it off
  // for text that a user typed. User-defined tokens are recognised either way.
  bool parse_special = false;
};

enum class ShowSpecial {
  kNo,   // control and unknown tokens are left out
  kYes,  // they appear as they are spelled
};

class Tokenizer {
 public:
  // kInvalid for a vocabulary that is damaged (piece_table.h, bpe_tokenizer.h and normalizer.h say
  // how), kUnsupported for a pre-tokenizer that is not known and a regular expression that is no
  // valid one.
  static Result<Tokenizer> Build(Vocabulary vocabulary);

  // Any bytes, shorter than 700 MB. A SentencePiece vocabulary keeps bytes that are not UTF-8, as
  // long as it has no normalizer; others read each as U+FFFD.
  std::vector<TokenId> Encode(std::string_view text, EncodeOptions options = {}) const;

  // The bytes of all tokens, one after the other: not UTF-8 if the tokens are not. With a
  // vocabulary that puts a space in front of a text, the first token that is shown loses one again,
  // so that Decode(Encode(text)) is the text. With a WordPiece vocabulary of a GGUF file the words
  // are joined (text/word_piece_tokenizer.h), which is as near to the text as one comes. Tokens
  // outside the vocabulary stand for nothing.
  std::string Decode(std::span<const TokenId> tokens, ShowSpecial show = ShowSpecial::kNo) const;

  // What one token adds to a text; nothing for a hidden one or one outside the vocabulary. A part
  // of a UTF-8 sequence at times. Valid as long as this object, also after a move.
  std::string_view Bytes(TokenId token, ShowSpecial show = ShowSpecial::kYes) const;

  // How the vocabulary spells a token that it contains ("\u2581the", "Ġthe"). Valid as Bytes() is.
  std::string_view Piece(TokenId token) const;

  // The token that is spelled so.
  std::optional<TokenId> Find(std::string_view piece) const { return pieces_->Find(piece); }

  // Ids are [0, vocabulary_size()). A model may have more rows of logits than that.
  std::size_t vocabulary_size() const { return pieces_->size(); }
  bool Contains(TokenId token) const { return token.value >= 0 && token.index() < pieces_->size(); }

  std::optional<TokenId> bos() const { return vocabulary().bos; }
  std::optional<TokenId> eos() const { return vocabulary().eos; }
  std::optional<TokenId> eot() const { return vocabulary().eot; }
  std::optional<TokenId> pad() const { return vocabulary().pad; }
  // Whether Encode() with special tokens begins with bos, and ends with eos.
  bool adds_bos() const;
  bool adds_eos() const;
  bool adds_space_prefix() const { return *vocabulary().add_space_prefix; }
  // Whether Decode() takes a space off the first token.
  bool drops_first_space() const { return *vocabulary().drops_first_space; }

  // Whether generation stops at this token: eos, the end of a turn or of a message, or what is
  // spelled like one.
  bool IsEndOfGeneration(TokenId token) const;
  // All of them, ascending.
  std::span<const TokenId> end_of_generation() const { return end_of_generation_; }
  // Whether ShowSpecial::kNo hides it.
  bool IsSpecial(TokenId token) const;

  // The vocabulary with all its defaults filled in.
  const Vocabulary& vocabulary() const { return pieces_->vocabulary(); }

 private:
  using Algorithm =
      std::variant<SentencePieceTokenizer, BpeTokenizer, UnigramTokenizer, WordPieceTokenizer>;

  // What is known of the text around a fragment.
  struct Around {
    bool is_start = true;    // nothing is before it
    bool gets_space = true;  // a space belongs in front, if the vocabulary wants any
    Normalizer::Ends ends;
  };

  Tokenizer(std::unique_ptr<const PieceTable> pieces, Algorithm algorithm, Normalizer normalizer,
            std::optional<WordCutter> cutter);
  std::vector<TextFragment> Split(std::string_view text, ParseSpecial parse) const;
  // Whether there was anything to append.
  bool AppendFragment(std::string_view text, Around around, ParseSpecial parse,
                      std::vector<TokenId>& tokens) const;
  void AppendText(std::string_view text, Around around, std::vector<TokenId>& tokens) const;
  // Whether a user-defined token is text like any other, with a space in front of it or behind.
  bool IsText(TokenId token) const;

  std::unique_ptr<const PieceTable> pieces_;  // stays where it is when this object moves
  Algorithm algorithm_;
  Normalizer normalizer_;
  std::optional<WordCutter> cutter_;
  std::optional<AddedTokens> added_;  // instead of specials_
  SpecialTokens specials_;
  std::vector<TokenId> end_of_generation_;
};

}  // namespace millrace

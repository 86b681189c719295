// The tokenizer of a tokenizer.json, as Hugging Face's tokenizers library writes it.
//
//     MILLRACE_TRY(Vocabulary vocabulary, VocabularyFromTokenizerJson(bytes, "tokenizer.json"));
//     MILLRACE_TRY_VOID(ApplyTokenizerConfig(config_bytes, "tokenizer_config.json", vocabulary));
//     MILLRACE_TRY(const Tokenizer tokenizer, Tokenizer::Build(std::move(vocabulary)));
//
// Read: models BPE, Unigram and WordPiece; the normalizers and pre-tokenizers that are steps of
// text/normalizer.h and text/word_cutter.h, alone or in a Sequence; of post-processors what they
// put around a single text; decoders that write each token for itself (ByteLevel, Metaspace,
// WordPiece, and Replace, ByteFallback, Fuse, Strip as SentencePiece models use them). Not read:
// truncation and padding. Everything else is an error that names it.
//
// The ids are those of the library, except that
//   - control tokens in a text are tokens only if EncodeOptions::parse_special says so,
//   - a precompiled charsmap replaces the longest sequence at each place, as SentencePiece does,
//     where the library takes the shortest at the beginning of each grapheme,
//   - a byte-level text that is not UTF-8 after decoding keeps its bytes.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace millrace {

// `name` stands in front of messages. Sets everything but which tokens are eos, eot, eom, and pad:
// the file does not say that. bos is the first token that the post-processor puts in front.
//
// kInvalid, naming the field: no JSON, a field of another type, an id twice or negative, more holes
// among the ids than an eighth of them. kUnsupported, naming it: a component or an option that is
// not read.
Result<Vocabulary> VocabularyFromTokenizerJson(std::string_view bytes, std::string_view name);

// What tokenizer_config.json adds: bos_token, eos_token, pad_token, unk_token, sep_token and
// mask_token (spellings that no piece has are left out), add_bos_token and add_eos_token, and
// tokens of added_tokens_decoder that the vocabulary lacks. For vocabularies of
// VocabularyFromTokenizerJson and VocabularyFromTokenizerModel. kInvalid for a field of another
// type.
Result<void> ApplyTokenizerConfig(std::string_view bytes, std::string_view name,
                                  Vocabulary& vocabulary);

// Both, without a configuration. Errors of Tokenizer::Build() with `name` in front.
Result<Tokenizer> TokenizerFromTokenizerJson(std::string_view bytes, std::string_view name);

}  // namespace millrace

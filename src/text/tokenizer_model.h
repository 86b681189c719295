// The tokenizer of a tokenizer.model: a SentencePiece model, which is a protocol buffer
// (sentencepiece_model.proto of that project).
//
// Read: the pieces with their scores and types, of the trainer's specification the type of the
// model and the ids of its special tokens, of the normalizer's everything. BPE models are
// VocabularyKind::kSentencePiece, Unigram models kUnigram.
//
// The ids are those of SentencePiece's Encode(), except that pieces of type "unused" are never
// taken apart again.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace millrace {

// `name` stands in front of messages. The file does not say what a program puts around a text: here
// bos in front for BPE, as Llama has it, and eos at the end for Unigram, as T5 has it;
// ApplyTokenizerConfig() (text/tokenizer_json.h) knows better.
//
// kInvalid: a damaged buffer, a piece without a spelling or of an unknown type, no pieces.
// kUnsupported: a word or character model, white space as a suffix or not escaped.
Result<Vocabulary> VocabularyFromTokenizerModel(std::string_view bytes, std::string_view name);

// The same, built. Errors of Tokenizer::Build() with `name` in front.
Result<Tokenizer> TokenizerFromTokenizerModel(std::string_view bytes, std::string_view name);

}  // namespace millrace

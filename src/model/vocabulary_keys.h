// The keys under which a GGUF file holds a vocabulary, and the kinds of vocabulary that they can
// hold. Source: the GGUF specification and llama.cpp, which reads them.
#pragma once

namespace millrace::vocabulary_keys {

inline constexpr const char* kModel = "tokenizer.ggml.model";
inline constexpr const char* kPre = "tokenizer.ggml.pre";
inline constexpr const char* kPieces = "tokenizer.ggml.tokens";
inline constexpr const char* kScores = "tokenizer.ggml.scores";
inline constexpr const char* kKinds = "tokenizer.ggml.token_type";
inline constexpr const char* kMerges = "tokenizer.ggml.merges";
inline constexpr const char* kCharsmap = "tokenizer.ggml.precompiled_charsmap";
inline constexpr const char* kMergesSpaces = "tokenizer.ggml.remove_extra_whitespaces";
inline constexpr const char* kBos = "tokenizer.ggml.bos_token_id";
inline constexpr const char* kEos = "tokenizer.ggml.eos_token_id";
inline constexpr const char* kEot = "tokenizer.ggml.eot_token_id";
inline constexpr const char* kEom = "tokenizer.ggml.eom_token_id";
inline constexpr const char* kUnknown = "tokenizer.ggml.unknown_token_id";
inline constexpr const char* kPadding = "tokenizer.ggml.padding_token_id";
inline constexpr const char* kSeparator = "tokenizer.ggml.seperator_token_id";  // its spelling
inline constexpr const char* kMask = "tokenizer.ggml.mask_token_id";
inline constexpr const char* kAddBos = "tokenizer.ggml.add_bos_token";
inline constexpr const char* kAddEos = "tokenizer.ggml.add_eos_token";
inline constexpr const char* kAddSeparator = "tokenizer.ggml.add_sep_token";
inline constexpr const char* kAddSpacePrefix = "tokenizer.ggml.add_space_prefix";

// Values of kModel.
inline constexpr const char* kSentencePiece = "llama";
inline constexpr const char* kByteLevelBpe = "gpt2";
inline constexpr const char* kWordPiece = "bert";
inline constexpr const char* kUnigram = "t5";

}  // namespace millrace::vocabulary_keys

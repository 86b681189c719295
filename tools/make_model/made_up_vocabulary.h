// A SentencePiece vocabulary of any size: it encodes every text, and means nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

// <unk>, <s>, </s> and the 256 bytes come first, in this order.
inline constexpr std::int64_t kFixedPieces = 3 + 256;

// In the form of the metadata tokenizer.ggml.tokens, .scores and .token_type of a GGUF file.
struct MadeUpVocabulary {
  std::vector<std::string> pieces;  // all different
  std::vector<float> scores;        // falling, so that a merge has one best choice
  std::vector<std::int32_t> kinds;  // 1 normal, 2 unknown, 3 control, 6 byte
};

// size: at least kFixedPieces. After the fixed ones come the space mark and single characters, then
// made-up words of two and more letters.
MadeUpVocabulary MakeUpVocabulary(std::int64_t size);

}  // namespace millrace

// The components of a tokenizer.json that are lists of steps: normalizer, pre_tokenizer,
// post_processor, decoder. (text/tokenizer_json.h reads the rest.)
//
// Each function takes the component as the file has it, null where it has none, and gives
// kUnsupported for a type or an option that is not read, naming it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/normalizer.h"
#include "text/word_cutter.h"

namespace millrace {

Result<std::vector<NormalizerStep>> ReadNormalizer(const nlohmann::json& json,
                                                   const std::string& name);

Result<std::vector<CutStep>> ReadPreTokenizer(const nlohmann::json& json, const std::string& name);

// What is put around a text: spellings or ids, as the file has it.
struct Affixes {
  struct Token {
    std::string piece;
    std::vector<std::int64_t> ids;  // if the file says so
  };
  std::vector<Token> prefix;
  std::vector<Token> suffix;
};
Result<Affixes> ReadPostProcessor(const nlohmann::json& json, const std::string& name);

// How tokens become text.
struct DecoderTraits {
  bool has_letters = false;        // ByteLevel
  bool has_space_marks = false;    // Metaspace, or a Replace of U+2581 by a space
  bool has_bytes = false;          // ByteFallback: <0x41> is a byte
  bool drops_first_space = false;  // Strip or Metaspace
  bool has_words = false;          // WordPiece
  bool joins_words = false;        // WordPiece with cleanup
};
Result<DecoderTraits> ReadDecoder(const nlohmann::json& json, const std::string& name);

}  // namespace millrace

// Any bytes become a tokenizer.json, as they are or put into the places of a sound one, and a text.
// Whatever the file: it is refused in one line or it works, and tokens are in range.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "text/tokenizer_json.h"

namespace millrace {
namespace {

using nlohmann::json;

// A string of code points: JSON holds no other.
std::string SomeText(FuzzedDataProvider& bytes, std::size_t longest) {
  return json(bytes.ConsumeRandomLengthString(longest))
      .dump(-1, ' ', false, json::error_handler_t::ignore);
}

json SomeString(FuzzedDataProvider& bytes, std::size_t longest) {
  return json::parse(SomeText(bytes, longest));
}

json SomePattern(FuzzedDataProvider& bytes) {
  return {{bytes.ConsumeBool() ? "Regex" : "String", SomeString(bytes, 24)}};
}

json SomeNormalizer(FuzzedDataProvider& bytes, int depth) {
  static constexpr const char* kTypes[] = {
      "NFC",   "NFD",     "NFKC",    "NFKD",        "Lowercase",      "StripAccents", "Nmt",
      "Strip", "Prepend", "Replace", "Precompiled", "BertNormalizer", "Sequence"};
  json step = {{"type", kTypes[bytes.ConsumeIntegralInRange<std::size_t>(0, 12)]}};
  if (step["type"] == "Prepend") step["prepend"] = SomeString(bytes, 4);
  if (step["type"] == "Replace") {
    step["pattern"] = SomePattern(bytes);
    step["content"] = SomeString(bytes, 4);
  }
  if (step["type"] == "Precompiled") {
    step["precompiled_charsmap"] = bytes.ConsumeRandomLengthString(64);
    for (char& c : step["precompiled_charsmap"].get_ref<std::string&>()) {
      c = static_cast<char>('A' + (c & 15));
    }
  }
  if (step["type"] != "Sequence") return step;
  step["normalizers"] = json::array();
  for (int left = bytes.ConsumeIntegralInRange(0, 4); left > 0 && depth > 0; --left) {
    step["normalizers"].push_back(SomeNormalizer(bytes, depth - 1));
  }
  return step;
}

json SomePreTokenizer(FuzzedDataProvider& bytes, int depth) {
  static constexpr const char* kTypes[] = {
      "ByteLevel",          "Split",           "Metaspace",   "Digits",
      "Whitespace",         "WhitespaceSplit", "Punctuation", "BertPreTokenizer",
      "CharDelimiterSplit", "Sequence"};
  static constexpr const char* kBehaviors[] = {"Removed", "Isolated", "MergedWithPrevious",
                                               "MergedWithNext", "Contiguous"};
  json step = {{"type", kTypes[bytes.ConsumeIntegralInRange<std::size_t>(0, 9)]}};
  step["behavior"] = kBehaviors[bytes.ConsumeIntegralInRange<std::size_t>(0, 4)];
  step["invert"] = bytes.ConsumeBool();
  step["add_prefix_space"] = bytes.ConsumeBool();
  step["use_regex"] = bytes.ConsumeBool();
  step["individual_digits"] = bytes.ConsumeBool();
  step["split"] = bytes.ConsumeBool();
  step["delimiter"] = "x";
  if (step["type"] == "Split") step["pattern"] = SomePattern(bytes);
  if (step["type"] != "Sequence") return step;
  step["pretokenizers"] = json::array();
  for (int left = bytes.ConsumeIntegralInRange(0, 4); left > 0 && depth > 0; --left) {
    step["pretokenizers"].push_back(SomePreTokenizer(bytes, depth - 1));
  }
  return step;
}

json SomeModel(FuzzedDataProvider& bytes) {
  static constexpr const char* kTypes[] = {"BPE", "Unigram", "WordPiece"};
  json model = {{"type", kTypes[bytes.ConsumeIntegralInRange<std::size_t>(0, 2)]},
                {"byte_fallback", bytes.ConsumeBool()},
                {"fuse_unk", bytes.ConsumeBool()},
                {"ignore_merges", bytes.ConsumeBool()},
                {"vocab", {{"u", 0}, {"a", 1}, {"b", 2}, {"ab", 3}, {"aba", 4}}},
                {"merges", {"a b", {"ab", "a"}}},
                {"unk_token", "u"},
                {"unk_id", 0}};
  if (bytes.ConsumeBool()) model["merges"].push_back(SomeString(bytes, 6));
  std::vector<json> pieces;
  for (int left = bytes.ConsumeIntegralInRange(0, 8); left > 0; --left) {
    const json piece = SomeString(bytes, 4);
    model["vocab"][piece.get<std::string>()] = bytes.ConsumeIntegralInRange(-1, 16);
  }
  if (model["type"] != "Unigram") return model;
  json scored = json::array();
  for (const auto& [piece, id] : model["vocab"].items()) scored.push_back({piece, id});
  model["vocab"] = scored;
  return model;
}

std::string SomeFile(FuzzedDataProvider& bytes) {
  if (bytes.ConsumeBool()) return bytes.ConsumeRandomLengthString(2000);
  json file = {{"model", SomeModel(bytes)}};
  if (bytes.ConsumeBool()) file["normalizer"] = SomeNormalizer(bytes, 3);
  if (bytes.ConsumeBool()) file["pre_tokenizer"] = SomePreTokenizer(bytes, 3);
  if (bytes.ConsumeBool()) file["decoder"] = {{"type", "Metaspace"}};
  file["added_tokens"] = json::array();
  for (int left = bytes.ConsumeIntegralInRange(0, 3); left > 0; --left) {
    file["added_tokens"].push_back({{"id", bytes.ConsumeIntegralInRange(-1, 20)},
                                    {"content", SomeString(bytes, 5)},
                                    {"special", bytes.ConsumeBool()},
                                    {"lstrip", bytes.ConsumeBool()},
                                    {"rstrip", bytes.ConsumeBool()},
                                    {"single_word", bytes.ConsumeBool()},
                                    {"normalized", bytes.ConsumeBool()}});
  }
  return file.dump();
}

void CheckMessage(const Error& error) {
  MILLRACE_CHECK(!error.message.empty() && error.message.size() < 5000);
}

void RunCase(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider bytes(data, size);
  const std::string file = SomeFile(bytes);
  Result<Vocabulary> vocabulary = VocabularyFromTokenizerJson(file, "f");
  if (!vocabulary.ok()) return CheckMessage(vocabulary.error());
  if (bytes.ConsumeBool()) {
    const auto applied =
        ApplyTokenizerConfig(bytes.ConsumeRandomLengthString(200), "c", *vocabulary);
    if (!applied.ok()) CheckMessage(applied.error());
  }
  const Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary).value());
  if (!tokenizer.ok()) return CheckMessage(tokenizer.error());
  const EncodeOptions options = {.add_special = bytes.ConsumeBool(),
                                 .parse_special = bytes.ConsumeBool()};
  const std::vector<TokenId> tokens =
      tokenizer->Encode(bytes.ConsumeRemainingBytesAsString(), options);
  for (const TokenId token : tokens) MILLRACE_CHECK(tokenizer->Contains(token));
  (void)tokenizer->Decode(tokens, ShowSpecial::kYes);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::RunCase(data, size);
  return 0;
}

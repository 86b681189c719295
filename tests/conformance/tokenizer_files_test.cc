// Tokenizers from tokenizer.json and tokenizer.model against Hugging Face's tokenizers and
// SentencePiece. tests/data/tokenizer_json/README.md and tests/data/tokenizer_model/README.md say
// where the vectors come from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "format/checkpoint.h"
#include "model/vocabulary_from_gguf.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_model.h"

namespace millrace {
namespace {

using nlohmann::json;

constexpr EncodeOptions kTextOnly = {.add_special = false, .parse_special = false};
constexpr EncodeOptions kParsed = {.add_special = false, .parse_special = true};
constexpr EncodeOptions kWithSpecial = {.add_special = true, .parse_special = true};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string DataFile(const std::string& name) { return ReadFile(MILLRACE_TEST_DATA "/" + name); }
std::string UnpackedFile(const std::string& name) {
  return ReadFile(MILLRACE_VOCABULARIES "/" + name);
}

std::vector<std::int32_t> Values(const std::vector<TokenId>& ids) {
  std::vector<std::int32_t> values;
  for (const TokenId id : ids) values.push_back(id.value);
  return values;
}

std::vector<std::string> Texts() {
  return json::parse(DataFile("tokenizer_json/texts.json")).get<std::vector<std::string>>();
}

bool Holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string EncodeBase64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      bits = (bits << 8) | (j < bytes.size() ? static_cast<std::uint8_t>(bytes[j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const bool is_there = i + j <= bytes.size();
      text += is_there ? kDigits[(bits >> (18 - 6 * j)) & 0x3F] : '=';
    }
  }
  return text;
}

// The file, with the charsmap that it names put in.
std::string TokenizerJson(const std::string& name) {
  std::string file = DataFile("tokenizer_json/" + name + ".json");
  constexpr std::string_view kPlace = "\"unigram.model\"";
  const std::size_t place = file.find(kPlace);
  if (place == std::string::npos) return file;
  const Vocabulary model =
      VocabularyFromTokenizerModel(UnpackedFile("unigram.model"), "unigram.model").value();
  const std::string charsmap = std::get<ApplyCharsmap>(model.normalizers.at(0)).charsmap;
  return file.replace(place, kPlace.size(), "\"" + EncodeBase64(charsmap) + "\"");
}

class TokenizerJsonConformance : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerJsonConformance, EveryTextGivesTheIdsOfTheLibrary) {
  const Result<Tokenizer> tokenizer =
      TokenizerFromTokenizerJson(TokenizerJson(GetParam()), GetParam());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const std::vector<std::string> texts = Texts();
  const json expected =
      json::parse(DataFile("tokenizer_json/" + std::string(GetParam()) + ".expected.json"));
  ASSERT_EQ(texts.size(), 149u);
  ASSERT_EQ(expected.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<TokenId> ids = tokenizer->Encode(texts[i], kParsed);
    EXPECT_EQ(Values(ids), expected[i]["ids"].get<std::vector<std::int32_t>>()) << texts[i];
    EXPECT_EQ(Values(tokenizer->Encode(texts[i], kWithSpecial)),
              expected[i]["special"].get<std::vector<std::int32_t>>())
        << texts[i];
    if (Holds(texts[i], "<ADD>") || Holds(texts[i], "<add>")) continue;
    Utf8Stream whole;
    const std::string bytes = tokenizer->Decode(ids, ShowSpecial::kYes);
    EXPECT_EQ(whole.Push(bytes) + whole.Flush(), expected[i]["decoded"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Files, TokenizerJsonConformance,
                         testing::Values("byte_level", "byte_level_split", "byte_level_digits",
                                         "byte_level_scripts", "byte_level_sets", "space_mark_bpe",
                                         "metaspace_first", "unknowns_bpe", "fused_unknowns_bpe",
                                         "unigram", "unigram_charsmap", "unigram_bytes",
                                         "word_piece"),
                         [](const auto& param) { return std::string(param.param); });

class TokenizerModelConformance : public testing::TestWithParam<const char*> {};

TEST_P(TokenizerModelConformance, EveryTextGivesTheIdsOfSentencePiece) {
  const std::string name = GetParam();
  const Result<Tokenizer> tokenizer = TokenizerFromTokenizerModel(
      name == "unigram" ? UnpackedFile("unigram.model")
                        : DataFile("tokenizer_model/" + name + ".model"),
      name);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const std::vector<std::string> texts = Texts();
  const json expected = json::parse(DataFile("tokenizer_model/" + name + ".expected.json"));
  ASSERT_EQ(expected.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<TokenId> ids = tokenizer->Encode(texts[i], kTextOnly);
    EXPECT_EQ(Values(ids), expected[i]["ids"].get<std::vector<std::int32_t>>()) << texts[i];
    // SentencePiece shows unknown pieces, and drops spaces where the text has U+2581.
    const std::string decoded = expected[i]["decoded"].get<std::string>();
    if (Holds(decoded, "\u2047") || Holds(texts[i], "\u2581")) continue;
    EXPECT_EQ(tokenizer->Decode(ids), decoded);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, TokenizerModelConformance,
                         testing::Values("bpe_bytes", "bpe_unknown", "unigram", "unigram_bytes"),
                         [](const auto& param) { return std::string(param.param); });

Vocabulary FromGguf(const std::string& name) {
  const std::string path = MILLRACE_VOCABULARIES "/ggml-vocab-" + name + ".gguf";
  return VocabularyFromGguf(Checkpoint::Load(path).value()).value();
}

// The merges that make the pieces of a SentencePiece vocabulary, best score first.
json MergesOf(const Vocabulary& vocabulary) {
  std::map<std::string, std::size_t> ids;
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    if (vocabulary.kinds[i] == PieceKind::kNormal) ids[vocabulary.pieces[i]] = i;
  }
  std::vector<std::tuple<float, std::size_t, std::size_t>> merges;
  for (const auto& [piece, id] : ids) {
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      const auto left = ids.find(piece.substr(0, cut));
      const auto right = ids.find(piece.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      merges.emplace_back(-vocabulary.scores[id], left->second, right->second);
    }
  }
  std::sort(merges.begin(), merges.end());
  json list = json::array();
  for (const auto& [score, left, right] : merges) {
    list.push_back({vocabulary.pieces[left], vocabulary.pieces[right]});
  }
  return list;
}

// What Hugging Face's converter makes of a vocabulary, but for components.
json JsonOf(const Vocabulary& vocabulary) {
  json file;
  file["model"] = {{"type", "BPE"}, {"merges", vocabulary.merges}};
  file["added_tokens"] = json::array();
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    file["model"]["vocab"][vocabulary.pieces[i]] = i;
    const PieceKind kind = vocabulary.kinds[i];
    if (kind != PieceKind::kControl && kind != PieceKind::kUnknown) continue;
    file["added_tokens"].push_back(
        {{"id", i}, {"content", vocabulary.pieces[i]}, {"special", true}, {"normalized", false}});
  }
  return file;
}

json Gpt2Json(const Vocabulary& vocabulary) {
  json file = JsonOf(vocabulary);
  const json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  file["pre_tokenizer"] = byte_level;
  file["decoder"] = byte_level;
  return file;
}

json LlamaJson(const Vocabulary& vocabulary) {
  json file = JsonOf(vocabulary);
  file["model"]["merges"] = MergesOf(vocabulary);
  file["model"]["byte_fallback"] = true;
  file["model"]["unk_token"] = "<unk>";
  const json mark = {{"String", "\u2581"}};
  const json space = {{"String", " "}};
  file["normalizer"] = {{"type", "Sequence"},
                        {"normalizers",
                         {{{"type", "Prepend"}, {"prepend", "\u2581"}},
                          {{"type", "Replace"}, {"pattern", space}, {"content", "\u2581"}}}}};
  file["decoder"] = {{"type", "Sequence"},
                     {"decoders",
                      {{{"type", "Replace"}, {"pattern", mark}, {"content", " "}},
                       {{"type", "ByteFallback"}},
                       {{"type", "Fuse"}},
                       {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  file["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}};
  return file;
}

std::vector<std::string> InputTexts() {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  const std::string all = DataFile("tokenizers/texts.inp");
  std::vector<std::string> texts;
  for (std::size_t begin = 0; begin <= all.size();) {
    const std::size_t end = std::min(all.find(kSeparator, begin), all.size());
    texts.push_back(all.substr(begin, end - begin));
    begin = end + kSeparator.size();
  }
  for (const json& example : json::parse(DataFile("tokenizers/gpt-2.extra.json"))) {
    texts.push_back(example["text"].get<std::string>());
  }
  return texts;
}

// Both ways to read one vocabulary agree on all texts of tests/data/tokenizers.
void ExpectSameTokenizer(const std::string& name, const json& file) {
  const Tokenizer gguf = Tokenizer::Build(FromGguf(name)).value();
  const Result<Tokenizer> from_json = TokenizerFromTokenizerJson(file.dump(), "tokenizer.json");
  ASSERT_TRUE(from_json.ok()) << from_json.error().message;
  const std::vector<std::string> texts = InputTexts();
  EXPECT_EQ(texts.size(), 47u + 91u);
  for (const std::string& text : texts) {
    for (const EncodeOptions& options : {kTextOnly, kParsed, kWithSpecial}) {
      const std::vector<TokenId> ids = gguf.Encode(text, options);
      EXPECT_EQ(Values(from_json->Encode(text, options)), Values(ids)) << text;
      EXPECT_EQ(from_json->Decode(ids), gguf.Decode(ids));
    }
  }
}

TEST(TokenizerJson, AByteLevelVocabularyGivesTheIdsOfItsGgufFile) {
  ExpectSameTokenizer("gpt-2", Gpt2Json(FromGguf("gpt-2")));
}

TEST(TokenizerJson, ASentencePieceVocabularyGivesTheIdsOfItsGgufFile) {
  ExpectSameTokenizer("llama-spm", LlamaJson(FromGguf("llama-spm")));
}

}  // namespace
}  // namespace millrace

// tests/conformance/tokenizer_files_test.cc compares ids; here is what is refused, and what a
// configuration adds.
#include "text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace millrace {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json SmallFile() {
  return json::parse(R"({
    "added_tokens": [{"id": 4, "content": "<s>", "special": true},
                     {"id": 5, "content": "</s>", "special": true}],
    "model": {"type": "BPE", "unk_token": "<u>", "merges": ["a b", ["ab", "a"]],
              "vocab": {"<u>": 0, "a": 1, "b": 2, "ab": 3, "aba": 6}}})");
}

std::string ErrorOf(const json& file) {
  const Result<Tokenizer> tokenizer = TokenizerFromTokenizerJson(file.dump(), "t.json");
  return tokenizer.ok() ? "built" : tokenizer.error().message;
}

// What becomes of the file with `value` at `pointer`.
std::string ErrorWith(const char* pointer, const char* value) {
  json file = SmallFile();
  file[json::json_pointer(pointer)] = json::parse(value);
  return ErrorOf(file);
}

Tokenizer Configured(const json& file, const json& config) {
  Vocabulary vocabulary = VocabularyFromTokenizerJson(file.dump(), "t.json").value();
  const auto applied = ApplyTokenizerConfig(config.dump(), "c.json", vocabulary);
  MILLRACE_CHECK(applied.ok());
  return Tokenizer::Build(std::move(vocabulary)).value();
}

TEST(TokenizerJson, ReadsASmallFile) {
  const Tokenizer tokenizer = TokenizerFromTokenizerJson(SmallFile().dump(), "t.json").value();
  EXPECT_EQ(tokenizer.vocabulary_size(), 7u);
  EXPECT_THAT(tokenizer.Encode("abaxb<s>", {.parse_special = true}),
              ElementsAre(TokenId{6}, TokenId{0}, TokenId{2}, TokenId{4}));
}

TEST(TokenizerJson, AnOldFileNeedNotNameTheTypeOfItsModel) {
  json file = SmallFile();
  file["model"].erase("type");
  EXPECT_EQ(ErrorOf(file), "built");
}

TEST(TokenizerJson, WhatIsNoSuchFileIsInvalid) {
  EXPECT_THAT(TokenizerFromTokenizerJson("{", "t.json").error().message, HasSubstr("t.json: "));
  EXPECT_EQ(TokenizerFromTokenizerJson("[]", "t.json").error().message,
            "t.json is array, wanted an object");
  EXPECT_EQ(TokenizerFromTokenizerJson("{}", "t.json").error().message,
            "t.json: no field \"model\", wanted an object");
  // No stack is deep enough to read this by recursion.
  EXPECT_FALSE(TokenizerFromTokenizerJson(std::string(1000000, '['), "t.json").ok());
  const std::string nested = std::string(1000000, '[') + std::string(1000000, ']');
  EXPECT_EQ(TokenizerFromTokenizerJson("{\"model\": " + nested + "}", "t.json").error().message,
            "t.json: \"model\" is array, wanted an object");
}

TEST(TokenizerJson, ADamagedVocabularyIsInvalid) {
  EXPECT_EQ(ErrorWith("/model/vocab/b", "1"), "t.json: tokens 'a' and 'b' have the same id 1");
  EXPECT_THAT(ErrorWith("/model/vocab/b", "-1"), HasSubstr("token 'b' has id -1"));
  EXPECT_THAT(ErrorWith("/model/vocab/b", "4000000000"), HasSubstr("has id 4000000000"));
  EXPECT_THAT(ErrorWith("/model/vocab/b", "9000000"), HasSubstr("a vocabulary full of holes"));
  EXPECT_THAT(ErrorWith("/model/vocab/b", "\"2\""), HasSubstr("the id of 'b' is string"));
  EXPECT_EQ(ErrorWith("/model/vocab/b", "200"), "built");  // a hole is tolerated
  EXPECT_THAT(ErrorWith("/model/merges/0", "\"a c\""), HasSubstr("no token is spelled 'c'"));
  EXPECT_THAT(ErrorWith("/model/merges/0", "\"ab\""), HasSubstr("merge 0 is not two pieces"));
  EXPECT_THAT(ErrorWith("/model/merges/0", "[1, 2]"), HasSubstr("merge 0 is not two pieces"));
  EXPECT_THAT(ErrorWith("/model/unk_token", "\"?\""), HasSubstr("the unknown token is '?'"));
  EXPECT_THAT(ErrorWith("/added_tokens/0/id", "5"), HasSubstr("have the same id 5"));
  EXPECT_THAT(ErrorWith("/added_tokens/0/special", "1"), HasSubstr("\"special\" is number"));
}

TEST(TokenizerJson, WhatIsNotReadIsUnsupportedByName) {
  const auto expect = [](const char* pointer, const char* value, const char* message) {
    json file = SmallFile();
    file[json::json_pointer(pointer)] = json::parse(value);
    const auto result = TokenizerFromTokenizerJson(file.dump(), "t.json");
    ASSERT_FALSE(result.ok()) << value;
    EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(result.error().message, HasSubstr(message));
  };
  expect("/model/type", "\"WordLevel\"", "model of type 'WordLevel'");
  expect("/model/end_of_word_suffix", "\"</w>\"", "end_of_word_suffix is '</w>'");
  expect("/model/dropout", "0.1", "a dropout");
  expect("/normalizer", R"({"type": "Rot13"})", "normalizer of type Rot13");
  expect("/pre_tokenizer", R"({"type": "UnicodeScripts"})", "pre_tokenizer of type UnicodeScripts");
  expect("/pre_tokenizer",
         R"j({"type": "Split", "pattern": {"Regex": "(?<a>x)(?&a)"}, "behavior": "Isolated"})j",
         "a group that is not known");
  expect("/pre_tokenizer",
         R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})",
         "regular expression '('");
  expect("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "_"})", "replacement is '_'");
  expect("/decoder", R"({"type": "CTC"})", "decoder of type CTC");
  expect("/decoder", R"({"type": "Strip", "content": "x", "start": 1, "stop": 0})", "Strip of 1");
  expect("/post_processor", R"({"type": "Other"})", "post_processor of type Other");
}

TEST(TokenizerJson, AConfigurationNamesTheSpecialTokens) {
  const json config = {{"bos_token", "<s>"},
                       {"eos_token", {{"content", "</s>"}}},
                       {"pad_token", nullptr},
                       {"unk_token", "<elsewhere>"}};
  const Tokenizer tokenizer = Configured(SmallFile(), config);
  EXPECT_EQ(tokenizer.bos(), TokenId{4});
  EXPECT_EQ(tokenizer.eos(), TokenId{5});
  EXPECT_EQ(tokenizer.pad(), std::nullopt);
  EXPECT_FALSE(tokenizer.adds_bos());
  EXPECT_TRUE(tokenizer.IsEndOfGeneration(TokenId{5}));
}

TEST(TokenizerJson, AConfigurationHasBosAndEosAddedOrNot) {
  json file = SmallFile();
  json config = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"add_bos_token", true}};
  EXPECT_THAT(Configured(file, config).Encode("a"), ElementsAre(TokenId{4}, TokenId{1}));
  config["add_eos_token"] = true;
  EXPECT_THAT(Configured(file, config).Encode("a"),
              ElementsAre(TokenId{4}, TokenId{1}, TokenId{5}));
  file["post_processor"] = {
      {"type", "RobertaProcessing"}, {"cls", {"<s>", 4}}, {"sep", {"</s>", 5}}};
  config["add_bos_token"] = false;
  EXPECT_THAT(Configured(file, config).Encode("a"), ElementsAre(TokenId{1}, TokenId{5}));
}

TEST(TokenizerJson, ADamagedConfigurationIsInvalid) {
  Vocabulary vocabulary = VocabularyFromTokenizerJson(SmallFile().dump(), "t.json").value();
  const auto error = [&](const char* config) {
    const auto applied = ApplyTokenizerConfig(config, "c.json", vocabulary);
    return applied.ok() ? "applied" : applied.error().message;
  };
  EXPECT_THAT(error(R"({"bos_token": 1})"), HasSubstr("c.json: \"bos_token\" is number"));
  EXPECT_THAT(error(R"({"add_bos_token": 1})"), HasSubstr("wanted true or false"));
  EXPECT_THAT(error(R"({"added_tokens_decoder": {"x": {"content": "y"}}})"),
              HasSubstr("'x' is no id"));
  EXPECT_THAT(error(R"({"added_tokens_decoder": {"90000000": {"content": "y"}}})"),
              HasSubstr("token 'y' has id 90000000"));
}

TEST(TokenizerJson, RepeatedStepsDoNotExplode) {
  json steps = json::array();
  for (int i = 0; i < 32; ++i) {
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  }
  json file = SmallFile();
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  const Tokenizer tokenizer = TokenizerFromTokenizerJson(file.dump(), "t.json").value();
  EXPECT_LT(tokenizer.Encode("a").size(), 10000u);
  file["normalizer"]["normalizers"].push_back(steps[0]);
  EXPECT_THAT(ErrorOf(file), HasSubstr("more than 32 steps"));
}

}  // namespace
}  // namespace millrace

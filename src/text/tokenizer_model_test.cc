// tests/conformance/tokenizer_files_test.cc compares ids; here is what is refused, and what is put
// around a text.
#include "text/tokenizer_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "text/protobuf_reader.h"
#include "text/tokenizer_json.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A field of bytes shorter than 128.
std::string Bytes(int number, const std::string& bytes) {
  return static_cast<char>(number << 3 | 2) + (static_cast<char>(bytes.size()) + bytes);
}
std::string Number(int number, int value) {
  std::string field;
  for (const int varint : {number << 3, value}) {
    if (varint >= 0x80) field += static_cast<char>(0x80 | (varint & 0x7F));
    field += static_cast<char>(varint >= 0x80 ? varint >> 7 : varint);
  }
  return field;
}
std::string Piece(const std::string& piece, int type) {
  return Bytes(1, Bytes(1, piece) + Number(3, type));
}

// <unk> <s> </s> a b ▁a, without byte fallback.
std::string SmallModel(int model_type) {
  return Piece("<unk>", 2) + Piece("<s>", 3) + Piece("</s>", 3) + Piece("a", 1) + Piece("b", 1) +
         Piece("\u2581a", 1) + Bytes(2, Number(3, model_type));
}

std::string ErrorOf(const std::string& bytes) {
  const auto result = TokenizerFromTokenizerModel(bytes, "t.model");
  return result.ok() ? "built" : result.error().message;
}

TEST(TokenizerModel, PutsBosInFrontForBpeAndEosAtTheEndForUnigram) {
  EXPECT_THAT(TokenizerFromTokenizerModel(SmallModel(2), "t").value().Encode("ab"),
              ElementsAre(TokenId{1}, TokenId{5}, TokenId{4}));
  EXPECT_THAT(TokenizerFromTokenizerModel(SmallModel(1), "t").value().Encode("ab"),
              ElementsAre(TokenId{5}, TokenId{4}, TokenId{2}));
}

TEST(TokenizerModel, WithoutByteFallbackARunIsOneUnknownToken) {
  for (const int type : {1, 2}) {
    const Tokenizer tokenizer = TokenizerFromTokenizerModel(SmallModel(type), "t").value();
    EXPECT_THAT(tokenizer.Encode("abxyza", {.add_special = false}),
                ElementsAre(TokenId{5}, TokenId{4}, TokenId{0}, TokenId{3}));
  }
}

TEST(TokenizerModel, AConfigurationAddsTokens) {
  Vocabulary vocabulary = VocabularyFromTokenizerModel(SmallModel(2), "t").value();
  const char* const config = R"({"add_bos_token": false, "added_tokens_decoder": {
      "6": {"content": "<|end|>", "special": true, "rstrip": true},
      "8": {"content": "TAG"}}})";
  ASSERT_TRUE(ApplyTokenizerConfig(config, "c.json", vocabulary).ok());
  const Tokenizer tokenizer = Tokenizer::Build(std::move(vocabulary)).value();
  EXPECT_EQ(tokenizer.vocabulary_size(), 9u);
  EXPECT_THAT(tokenizer.Encode("a<|end|>\n aTAGb", {.parse_special = true}),
              ElementsAre(TokenId{5}, TokenId{6}, TokenId{5}, TokenId{8}, TokenId{4}));
  EXPECT_TRUE(tokenizer.IsSpecial(TokenId{6}));
  EXPECT_FALSE(tokenizer.IsSpecial(TokenId{8}));
}

TEST(TokenizerModel, WhatIsDamagedIsInvalid) {
  EXPECT_EQ(ErrorOf(""), "t.model: no pieces");
  EXPECT_EQ(ErrorOf(Piece("", 1)), "t.model: piece 0 has no spelling");
  EXPECT_EQ(ErrorOf(Piece("a", 7)), "t.model: piece 0 is of type 7, wanted 1 to 6");
  EXPECT_EQ(ErrorOf(Piece("a", 1) + Piece("b", 1)),
            "t.model: vocabulary: no unknown token, which this kind of vocabulary needs");
  EXPECT_THAT(ErrorOf(Piece("<unk>", 2) + Piece("a", 1) + Piece("a", 1)),
              HasSubstr("tokens 1 and 2 are both spelled 'a'"));
  EXPECT_THAT(ErrorOf(SmallModel(1) + Bytes(3, Bytes(2, "abc"))), HasSubstr("charsmap: 3 bytes"));
  const std::string model = SmallModel(1);
  EXPECT_THAT(ErrorOf(model.substr(0, model.size() - 1)),
              HasSubstr("t.model: field 2 has 2 bytes"));
}

TEST(TokenizerModel, WordModelsAndSuffixesAreUnsupported) {
  EXPECT_THAT(ErrorOf(SmallModel(3)), HasSubstr("a model of type 3"));
  EXPECT_THAT(ErrorOf(SmallModel(1) + Bytes(2, Number(24, 1))),
              HasSubstr("treat_whitespace_as_suffix"));
  EXPECT_THAT(ErrorOf(SmallModel(1) + Bytes(3, Number(5, 0))), HasSubstr("not escaped"));
}

TEST(ProtobufReader, DamagedFieldsSayWhere) {
  const auto error = [](std::string_view bytes) {
    const auto field = ProtobufReader(bytes).Next();
    return field.ok() ? "read" : field.error().message;
  };
  EXPECT_EQ(error("\x08"), "a number is cut off at byte 1");
  EXPECT_EQ(error(std::string_view("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12)),
            "a number of more than ten bytes ends at byte 11");
  EXPECT_EQ(error(std::string_view("\x00", 1)), "no field ends at byte 1");
  EXPECT_EQ(error("\x0A\x05yz"), "field 1 has 5 bytes at byte 2, there are 2");
  EXPECT_EQ(error("\x0D\x01\x02"), "a number is cut off at byte 1");
  EXPECT_EQ(error("\x0B"), "field 1 at byte 1 is of wire type 3, which is not read");
}

}  // namespace
}  // namespace millrace

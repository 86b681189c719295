#include "model/vocabulary_from_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/test_gguf.h"
#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

// 256 bytes, "ab" and <|endoftext|>.
TestGguf SmallVocabulary() {
  const Vocabulary vocabulary = examples::ByteLevelBpe({"a b"});
  TestGguf file;
  file.metadata = {{"general.name", "small"},
                   {"tokenizer.ggml.model", "gpt2"},
                   {"tokenizer.ggml.tokens", vocabulary.pieces},
                   {"tokenizer.ggml.merges", vocabulary.merges},
                   {"tokenizer.ggml.pre", "gpt-2"},
                   {"tokenizer.ggml.eos_token_id", 257u}};
  return file;
}

Result<Tokenizer> Read(const TestGguf& file) {
  const std::vector<std::byte> bytes = file.Bytes();
  return TokenizerFromGguf(Checkpoint::Parse(bytes, "x.gguf").value());
}

// What becomes of the file when `key` is `value`.
Error ReadError(const std::string& key, const TestGguf::Value& value) {
  TestGguf file = SmallVocabulary();
  file.metadata[key] = value;
  const Result<Tokenizer> tokenizer = Read(file);
  return tokenizer.ok() ? Error{ErrorCode::kIo, "built"} : tokenizer.error();
}

TEST(VocabularyFromGguf, ReadsTheKeys) {
  const Result<Tokenizer> tokenizer = Read(SmallVocabulary());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocabulary_size(), 258u);
  EXPECT_EQ(tokenizer->eos(), TokenId{257});
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_EQ(tokenizer->vocabulary().pre_tokenizer, "gpt-2");
  EXPECT_EQ(tokenizer->Piece(tokenizer->Encode("ab")[0]), "ab");
  EXPECT_FALSE(tokenizer->vocabulary().specials_swallow_space);
}

TEST(VocabularyFromGguf, KnowsPhi3ByTheNameOfTheModel) {
  for (const char* const name : {"Phi3", "phi-3-mini", "My PHI-3"}) {
    TestGguf file = SmallVocabulary();
    file.metadata["general.name"] = name;
    EXPECT_TRUE(Read(file).value().vocabulary().specials_swallow_space) << name;
  }
}

TEST(VocabularyFromGguf, AnotherKindOfTokenizerIsUnsupported) {
  for (const std::string kind : {"rwkv", "plamo2", "gemma4", "none"}) {
    const Error error = ReadError("tokenizer.ggml.model", kind);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_THAT(error.message, HasSubstr("x.gguf: tokenizer.ggml.model is '" + kind + "'"));
  }
}

TEST(VocabularyFromGguf, AFileWithoutAVocabularySaysSo) {
  for (const char* const key :
       {"tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"}) {
    TestGguf file = SmallVocabulary();
    file.metadata.erase(key);
    const Result<Tokenizer> tokenizer = Read(file);
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(tokenizer.error().message, HasSubstr(key));
  }
}

TEST(VocabularyFromGguf, AValueOfAnotherTypeIsInvalid) {
  for (const char* const key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.tokens",
                                "tokenizer.ggml.token_type", "tokenizer.ggml.add_bos_token"}) {
    const Error error = ReadError(key, "text");
    EXPECT_EQ(error.code, ErrorCode::kInvalid);
    EXPECT_THAT(error.message, HasSubstr(key));
  }
}

TEST(VocabularyFromGguf, AnIdOutsideTheVocabularyIsInvalid) {
  EXPECT_EQ(ReadError("tokenizer.ggml.bos_token_id", 258u).message,
            "x.gguf: vocabulary: the bos token is 258, there are 258 tokens");
  EXPECT_THAT(ReadError("tokenizer.ggml.bos_token_id", 0x80000000u).message,
              HasSubstr("tokenizer.ggml.bos_token_id is 2147483648, wanted the id of a token"));
}

}  // namespace
}  // namespace millrace

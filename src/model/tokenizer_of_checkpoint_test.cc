// Which of a directory's files make its tokenizer, and what the configuration adds.
#include "model/tokenizer_of_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "format/checkpoint_builder.h"
#include "format/gguf_writer.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kTokenizerJson = R"({
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
  "added_tokens": [{"id": 3, "content": "<end>", "special": true}]})";

class TokenizerOfDirectory : public testing::Test {
 protected:
  TokenizerOfDirectory() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("tokenizer_{}_{}", getpid(), test->name());
    fs::create_directories(folder_);
  }
  ~TokenizerOfDirectory() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  // A checkpoint of the folder, with these keys and no tensors.
  Checkpoint Directory() const {
    CheckpointBuilder builder(folder_.string());
    EXPECT_TRUE(builder.SetMetadata(keys).ok());
    return std::move(builder).Finish();
  }

  fs::path folder_;
  GgufWriter keys;
};

TEST_F(TokenizerOfDirectory, TokenizerJsonGoesFirst) {
  Write("tokenizer.json", kTokenizerJson);
  Write("tokenizer.model", "damaged");
  const Result<Tokenizer> tokenizer = TokenizerOf(Directory());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->Encode("abba"), testing::ElementsAre(TokenId{2}, TokenId{1}, TokenId{0}));
}

TEST_F(TokenizerOfDirectory, EndsComeFromTheConfigurationWhereTheFilesNameNone) {
  Write("tokenizer.json", kTokenizerJson);
  keys.Set("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  keys.Set("tokenizer.ggml.eot_token_id", std::uint32_t{3});
  keys.Set("tokenizer.ggml.padding_token_id", std::uint32_t{4});  // a row without a token
  Result<Vocabulary> vocabulary = VocabularyOf(Directory());
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.error().message;
  EXPECT_EQ(vocabulary->eos, TokenId{2});
  EXPECT_EQ(vocabulary->eot, TokenId{3});
  EXPECT_EQ(vocabulary->pad, std::nullopt);
  Write("tokenizer_config.json", R"({"eos_token": "<end>"})");
  vocabulary = VocabularyOf(Directory());
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.error().message;
  EXPECT_EQ(vocabulary->eos, TokenId{3});
}

TEST_F(TokenizerOfDirectory, WhatIsMissingOrDamagedIsNamed) {
  const auto message = [&] {
    const Result<Tokenizer> tokenizer = TokenizerOf(Directory());
    return tokenizer.ok() ? "" : tokenizer.error().message;
  };
  EXPECT_THAT(message(), HasSubstr("holds neither tokenizer.json nor tokenizer.model"));
  Write("tokenizer.model", "damaged");
  EXPECT_THAT(message(), HasSubstr("tokenizer.model: "));
  Write("tokenizer.json", "{");
  EXPECT_THAT(message(), HasSubstr("tokenizer.json: "));
  Write("tokenizer.json", kTokenizerJson);
  Write("tokenizer_config.json", "[]");
  EXPECT_THAT(message(), HasSubstr("tokenizer_config.json"));
}

}  // namespace
}  // namespace millrace

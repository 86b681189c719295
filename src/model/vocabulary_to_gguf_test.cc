// What is written for a directory's tokenizer gives its tokens when it is read as a GGUF file.
#include "model/vocabulary_to_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "format/checkpoint_builder.h"
#include "model/tokenizer_of_checkpoint.h"
#include "model/vocabulary_from_gguf.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kData = MILLRACE_SOURCE_DIR "/tests/data/";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// Texts that other people chose: not those that the keys were found with.
std::vector<std::string> OtherTexts() {
  const std::string all = ReadAll(kData + "tokenizers/texts.inp");
  std::vector<std::string> texts;
  const std::string kEnd = "\n__ggml_vocab_test__\n";
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find(kEnd, at), all.size());
    texts.push_back(all.substr(at, end - at));
    at = end + kEnd.size();
  }
  EXPECT_GT(texts.size(), 20u);
  return texts;
}

class VocabularyToGgufTest : public testing::Test {
 protected:
  VocabularyToGgufTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("to_gguf_{}_{}", getpid(), test->name());
    fs::create_directories(folder_);
  }
  ~VocabularyToGgufTest() override { fs::remove_all(folder_); }

  void Copy(const std::string& from, const std::string& name) const {
    fs::copy_file(kData + from, folder_ / name, fs::copy_options::overwrite_existing);
  }
  // tokenizer.json: that of the data, with `to` where `from` is.
  void Write(const std::string& json, const std::string& from = "", const std::string& to = "") {
    WriteWith(json, {{from, to}});
  }
  void WriteWith(const std::string& json,
                 const std::vector<std::pair<std::string, std::string>>& changes) {
    std::string text = ReadAll(kData + "tokenizer_json/" + json + ".json");
    for (const auto& [from, to] : changes) {
      const std::size_t at = text.find(from);
      ASSERT_NE(at, std::string::npos) << from;
      text.replace(at, from.size(), to);
    }
    std::ofstream(folder_ / "tokenizer.json") << text;
    std::ofstream(folder_ / "tokenizer_config.json") << R"({"eos_token": "</s>"})";
  }

  Checkpoint Directory(std::int64_t rows = 0) const {
    CheckpointBuilder builder(folder_.string());
    if (rows != 0) {
      const auto bytes = builder.Allocate(4 * static_cast<std::size_t>(rows));
      EXPECT_TRUE(builder.Add("token_embd.weight", DType::kF32, {1, rows}, bytes).ok());
    }
    return std::move(builder).Finish();
  }

  static Tokenizer ReadBack(const GgufVocabulary& vocabulary) {
    GgufWriter writer;
    for (const auto& [key, value] : vocabulary.keys) writer.Set(key, value);
    const auto bytes = writer.Bytes([](const GgufRows&) { return Result<void>(); });
    EXPECT_TRUE(bytes.ok());
    const auto file = Checkpoint::Parse(*bytes, "written");
    EXPECT_TRUE(file.ok());
    Result<Tokenizer> tokenizer = TokenizerFromGguf(*file);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    return std::move(tokenizer).value();
  }

  GgufVocabulary ExpectSameTokens() const {
    const Checkpoint directory = Directory();
    const Result<GgufVocabulary> vocabulary = VocabularyToGguf(directory);
    EXPECT_TRUE(vocabulary.ok()) << vocabulary.error().message;
    if (!vocabulary.ok()) return {};
    const Tokenizer file = ReadBack(*vocabulary);
    const Result<Tokenizer> own = TokenizerOf(directory);
    EXPECT_TRUE(own.ok());
    EXPECT_EQ(file.vocabulary_size(), own->vocabulary_size());
    EXPECT_EQ(file.bos(), own->bos());
    EXPECT_EQ(file.eos(), own->eos());
    for (const std::string& text : OtherTexts()) {
      EXPECT_EQ(file.Encode(text), own->Encode(text)) << text;
      EXPECT_EQ(file.Decode(file.Encode(text)), own->Decode(own->Encode(text))) << text;
    }
    return *vocabulary;
  }

  std::string Message() const {
    const Result<GgufVocabulary> vocabulary = VocabularyToGguf(Directory());
    return vocabulary.ok() ? "" : vocabulary.error().message;
  }

  static std::string Text(const GgufVocabulary& vocabulary, const char* key) {
    const auto found = vocabulary.keys.find(key);
    return found == vocabulary.keys.end() ? "" : std::get<std::string>(found->second);
  }

  fs::path folder_;
};

TEST_F(VocabularyToGgufTest, ExpressionsBecomeTheNameThatCutsLikeThem) {
  Write("byte_level_split");  // Llama 3's expression
  const GgufVocabulary vocabulary = ExpectSameTokens();
  EXPECT_EQ(Text(vocabulary, "tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(Text(vocabulary, "tokenizer.ggml.pre"), "llama-bpe");
  // One number after the other: Qwen 2's. It does not ignore merges.
  Write("byte_level_split", R"(\\p{N}{1,3})", R"(\\p{N})");
  EXPECT_EQ(Text(ExpectSameTokens(), "tokenizer.ggml.pre"), "qwen2");
}

TEST_F(VocabularyToGgufTest, WhatNoKeySaysOfAddedTokensIsSaid) {
  Write("byte_level_split");  // its "foo" is a token only as a word of its own
  EXPECT_THAT(ExpectSameTokens().difference, HasSubstr("'onefootwo foo three' becomes "));
  Write("byte_level_split", R"("content":"foo","single_word":true)",
        R"("content":"foo","single_word":false)");
  EXPECT_THAT(ExpectSameTokens().difference, HasSubstr("'one<tag>two "));  // swallows space
}

TEST_F(VocabularyToGgufTest, MoreTokensThanRowsAreRefused) {
  Write("byte_level_split");
  const auto vocabulary = VocabularyToGguf(Directory(20));
  ASSERT_FALSE(vocabulary.ok());
  EXPECT_THAT(vocabulary.error().message, HasSubstr("token_embd.weight has 20 rows"));
}

TEST_F(VocabularyToGgufTest, WordsThatMergesWouldNotBuildDecideBetweenNamesOfOneExpression) {
  Write("byte_level_split", R"("ignore_merges":true)", R"("ignore_merges":false)");
  EXPECT_EQ(Text(ExpectSameTokens(), "tokenizer.ggml.pre"), "smaug-bpe");
}

TEST_F(VocabularyToGgufTest, AnExpressionWithoutANameIsRefused) {
  Write("byte_level_split", R"(\\p{N}{1,3})", R"(\\p{N}{1,2})");
  EXPECT_THAT(Message(), HasSubstr("no vocabulary of GGUF gives the tokens of this tokenizer; with "
                                   "pre-tokenizer '"));
  EXPECT_THAT(Message(), HasSubstr(" becomes "));
}

TEST_F(VocabularyToGgufTest, MergesOverCharactersBecomeScores) {
  Write("space_mark_bpe");
  EXPECT_EQ(Text(ExpectSameTokens(), "tokenizer.ggml.model"), "llama");
}

// As Gemma's runs of spaces are: pieces that merges make, and in the list of added tokens.
TEST_F(VocabularyToGgufTest, AddedRunsOfSpaceMarksAreWhatMergesMake) {
  const std::string mark = "\xe2\x96\x81", two = mark + mark;
  WriteWith("space_mark_bpe",
            {{R"("merges":[)", R"("merges":[")" + mark + " " + mark + R"(",)"},
             {R"("vocab":{)", R"("vocab":{")" + two + R"(":904,)"},
             {R"("added_tokens":[)", R"("added_tokens":[{"id":904,"content":")" + two +
                                         R"(","normalized":false,"special":false},)"}});
  const Tokenizer file = ReadBack(ExpectSameTokens());
  EXPECT_THAT(file.Encode("a  b"), testing::Contains(TokenId{904}));
  EXPECT_EQ(file.Decode(file.Encode("a  b")), "a  b");
}

TEST_F(VocabularyToGgufTest, TokenizerModelKeepsItsScores) {
  Copy("tokenizer_model/bpe_bytes.model", "tokenizer.model");
  EXPECT_EQ(Text(ExpectSameTokens(), "tokenizer.ggml.model"), "llama");
}

TEST_F(VocabularyToGgufTest, ARowWithoutATokenIsAnUnusedOne) {
  Write("byte_level_split");
  const std::size_t tokens = TokenizerOf(Directory())->vocabulary_size();
  const auto vocabulary = VocabularyToGguf(Directory(static_cast<std::int64_t>(tokens) + 3));
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.error().message;
  const Tokenizer file = ReadBack(*vocabulary);
  ASSERT_EQ(file.vocabulary_size(), tokens + 3);
  EXPECT_EQ(file.Piece(TokenId{static_cast<std::int32_t>(tokens) + 2}),
            fmt::format("[PAD{}]", tokens + 2));
  EXPECT_THAT(file.Encode(fmt::format("[PAD{}]", tokens + 2)), testing::SizeIs(testing::Gt(1u)));
}

TEST_F(VocabularyToGgufTest, KindsThatDecodersDoNotHaveAreRefused) {
  Write("word_piece");
  EXPECT_THAT(Message(), testing::AnyOf(HasSubstr("no vocabulary that GGUF files of decoders hold"),
                                        HasSubstr("GGUF can say nothing but")));
}

}  // namespace
}  // namespace millrace

// Our tokenizers against llama.cpp's ids for the vocabularies of ten models.
// tests/data/tokenizers/README.md says where the vectors come from; the vocabularies that are not
// in the repository are looked for under $MILLRACE_VECTORS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "format/checkpoint.h"
#include "model/vocabulary_from_gguf.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace millrace {
namespace {

constexpr EncodeOptions kTextOnly = {.add_special = false, .parse_special = false};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string VectorFile(const std::string& name) {
  return ReadFile(std::string(MILLRACE_TOKENIZER_VECTORS) + "/" + name);
}

// Where the vocabulary is, or nothing.
std::string FindVocabulary(const std::string& name) {
  const std::string file = "/ggml-vocab-" + name + ".gguf";
  const char* const more = std::getenv("MILLRACE_VECTORS");
  std::vector<std::string> folders = {MILLRACE_VOCABULARIES};
  if (more != nullptr) folders.push_back(std::string(more) + "/tokenizers");
  for (const std::string& folder : folders) {
    if (std::filesystem::exists(folder + file)) return folder + file;
  }
  return {};
}

std::vector<TokenId> Ids(const std::vector<std::int32_t>& values) {
  std::vector<TokenId> ids;
  for (const std::int32_t value : values) ids.push_back(TokenId{value});
  return ids;
}

std::vector<std::int32_t> Values(const std::vector<TokenId>& ids) {
  std::vector<std::int32_t> values;
  for (const TokenId id : ids) values.push_back(id.value);
  return values;
}

// `text` as a vocabulary that writes spaces as U+2581 gives it back.
std::string Returned(const Tokenizer& tokenizer, std::string text) {
  if (tokenizer.vocabulary().kind == VocabularyKind::kByteLevelBpe) return text;
  for (std::size_t at = text.find(kSpaceMark); at != std::string::npos;
       at = text.find(kSpaceMark)) {
    text.replace(at, kSpaceMark.size(), " ");
  }
  return text;
}

std::string Streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  StreamDecoder decoder(tokenizer, StreamStart::kText);
  std::string text;
  for (const TokenId token : tokens) {
    const std::string part = decoder.Push(token);
    EXPECT_TRUE(IsWellFormedUtf8(part));
    text += part;
  }
  return text + decoder.Flush();
}

struct Model {
  const char* name;
  bool has_out_file;

  friend void PrintTo(const Model& model, std::ostream* out) { *out << model.name; }
};

class TokenizerConformance : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override {
    const std::string path = FindVocabulary(GetParam().name);
    if (path.empty()) {
      GTEST_SKIP()
          << "no ggml-vocab-" << GetParam().name
          << ".gguf: it is not in the repository; $MILLRACE_VECTORS/tokenizers may hold it";
    }
    std::cout << "with " << path << "\n";
    Result<Checkpoint> checkpoint = Checkpoint::Load(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    Result<Tokenizer> tokenizer = TokenizerFromGguf(*checkpoint);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    tokenizer_ = std::make_unique<Tokenizer>(std::move(tokenizer).value());
  }

  const Tokenizer& tokenizer() const { return *tokenizer_; }

  void CheckOutFile() const;
  void CheckJsonFile() const;
  // Words of WordPiece do not say how they were written.
  void ExpectReturns(const std::string& text) const {
    if (tokenizer().vocabulary().kind == VocabularyKind::kWordPiece) return;
    const std::vector<TokenId> tokens = tokenizer().Encode(text);
    EXPECT_EQ(tokenizer().Decode(tokens), Returned(tokenizer(), text));
    EXPECT_EQ(Streamed(tokenizer(), tokens), Returned(tokenizer(), text));
  }

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
};

// texts.inp and NAME.out.
void TokenizerConformance::CheckOutFile() const {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  const std::string texts = VectorFile("texts.inp");
  std::istringstream lines(VectorFile(std::string(GetParam().name) + ".out"));
  int count = 0;
  for (std::size_t begin = 0; begin <= texts.size(); ++count) {
    const std::size_t end = std::min(texts.find(kSeparator, begin), texts.size());
    const std::string text = texts.substr(begin, end - begin);
    std::string line;
    // The last text is empty, and so is its line.
    ASSERT_TRUE(std::getline(lines, line) || text.empty());
    std::istringstream numbers(line);
    const std::vector<std::int32_t> wanted{std::istream_iterator<std::int32_t>(numbers), {}};
    EXPECT_EQ(Values(tokenizer().Encode(text, kTextOnly)), wanted) << "text " << count;
    ExpectReturns(text);
    begin = end + kSeparator.size();
  }
  EXPECT_EQ(count, 47);
}

// NAME.extra.json.
void TokenizerConformance::CheckJsonFile() const {
  const auto cases =
      nlohmann::json::parse(VectorFile(std::string(GetParam().name) + ".extra.json"));
  EXPECT_EQ(cases.size(), 91u);
  for (const auto& example : cases) {
    const std::string text = example["text"];
    const EncodeOptions options = {.add_special = example["add_special"],
                                   .parse_special = example["parse_special"]};
    const auto wanted = example["ids"].get<std::vector<std::int32_t>>();
    EXPECT_EQ(Values(tokenizer().Encode(text, options)), wanted) << text;
    // Where llama.cpp's clean-up takes a space out of the text, we give it back.
    const bool cleaned_up = text == "\"quoted\" 'single' `tick`" &&
                            tokenizer().vocabulary().kind == VocabularyKind::kByteLevelBpe;
    const std::string decoded = cleaned_up ? text : example["decoded"].get<std::string>();
    EXPECT_EQ(tokenizer().Decode(Ids(wanted), ShowSpecial::kYes), decoded);
    ExpectReturns(text);
  }
}

TEST_P(TokenizerConformance, EveryTextGivesTheIdsOfLlamaCppAndComesBack) {
  if (GetParam().has_out_file) CheckOutFile();
  CheckJsonFile();
}

// With the vocabularies of the repository, which have tokens for all bytes.
class TokenizerRoundTrip : public TokenizerConformance {};

TEST_P(TokenizerRoundTrip, RandomTextComesBack) {
  std::mt19937 random(42);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (int j = 0; j < i; ++j) {
      constexpr char32_t kLimits[] = {0x80, 0x80, 0x800, 0x3000, 0x10000, 0x110000};
      const auto code_point = static_cast<char32_t>(random() % kLimits[random() % 6]);
      if (code_point < 0xD800 || code_point > 0xDFFF) text += EncodeUtf8(code_point);
    }
    ExpectReturns(text);
  }
}

TEST_P(TokenizerRoundTrip, AMegabyteTakesSeconds) {
  std::string text;
  while (text.size() < 1000000) text += VectorFile("texts.inp");
  const std::string one_line(1000000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_GT(tokenizer().Encode(text).size(), 100000u);
  EXPECT_GT(tokenizer().Encode(one_line).size(), 10000u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

std::string TestName(const testing::TestParamInfo<Model>& model) {
  std::string name = model.param.name;
  std::erase(name, '-');
  return name;
}

constexpr Model kModels[] = {
    {"llama-spm", true}, {"phi-3", true},        {"baichuan", false},
    {"gpt-2", true},     {"falcon", true},       {"starcoder", true},
    {"mpt", true},       {"deepseek-llm", true}, {"gpt-neox", false},
    {"bert-bge", true},
};
INSTANTIATE_TEST_SUITE_P(Models, TokenizerConformance, testing::ValuesIn(kModels), TestName);
INSTANTIATE_TEST_SUITE_P(Models, TokenizerRoundTrip,
                         testing::Values(Model{"llama-spm", true}, Model{"gpt-2", true}), TestName);

}  // namespace
}  // namespace millrace

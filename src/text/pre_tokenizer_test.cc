#include "text/pre_tokenizer.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "text/utf8.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

// The words of `text`, with a bar between.
std::string Words(std::string_view name, std::string_view text) {
  const PreTokenizer pre_tokenizer = PreTokenizer::Build(name).value();
  return fmt::format("{}", fmt::join(pre_tokenizer.Split(text), "|"));
}

TEST(PreTokenizer, Gpt2TakesOneSpaceAlongAndLeavesTheLastOfARun) {
  EXPECT_EQ(Words("gpt-2", "Hello  world's 1234+5"), "Hello| | world|'s| 1234|+|5");
  EXPECT_EQ(Words("gpt-2", "a\n\n\nb  "), "a|\n\n|\n|b|  ");
}

TEST(PreTokenizer, AnUnnamedOneIsTheDefault) {
  EXPECT_EQ(Words("", "a+b 12345"), Words("default", "a+b 12345"));
  EXPECT_EQ(Words("", "a+b 12345"), "a|+|b| |123|45");
}

TEST(PreTokenizer, FalconCutsDigitsInThreesWithinRuns) {
  EXPECT_EQ(Words("falcon", "x 12345 `y`"), "x| |123|45| |`|y|`");
}

TEST(PreTokenizer, StarcoderCutsEveryDigit) { EXPECT_EQ(Words("starcoder", "x 123"), "x| |1|2|3"); }

TEST(PreTokenizer, Llama3TakesUpToThreeDigitsAndAnyMarkBeforeAWord) {
  EXPECT_EQ(Words("llama-bpe", "I'LL (see) 12345\r\n\n  x"), "I|'LL| (|see|)| |123|45|\r\n\n| | x");
}

TEST(PreTokenizer, Qwen2CutsEveryDigit) { EXPECT_EQ(Words("qwen2", "x 123"), "x| |1|2|3"); }

TEST(PreTokenizer, DeepSeekCutsScriptsApart) {
  // Letters beyond ASCII are cut off by the class of punctuation, which holds all of ':' to '~'.
  EXPECT_EQ(Words("deepseek-llm", "caf\u00E9 \u4E2D\u6587 12\n"),
            "caf|\u00E9| |\u4E2D\u6587| |12|\n");
  EXPECT_EQ(Words("deepseek-coder", "a \u4E2D.\u6587 12"), "a| |\u4E2D|.|\u6587| |1|2");
  EXPECT_EQ(Words("deepseek-v3", "(abc 1234"), "(abc| |123|4");
}

TEST(PreTokenizer, TekkenBeginsAWordAtEachCapitalAfterSmallLetters) {
  EXPECT_EQ(Words("tekken", "camelCase HTTPServer 12"), "camel|Case| HTTPServer| |1|2");
  EXPECT_EQ(Words("gpt-4o", "It's  1234//\n"), "It's| | |123|4|//\n");
}

TEST(PreTokenizer, BloomKeepsPunctuationTogether) {
  EXPECT_EQ(Words("bloom", "one two, (three)"), "one| two|, (|three|)");
}

TEST(PreTokenizer, WhiteSpaceIsWhatUnicodeCallsSo) {
  EXPECT_EQ(Words("gpt-2", "a\u00A0\u3000b"), "a|\u00A0|\u3000|b");
  EXPECT_EQ(Words("gpt-2", "a\u180Eb"), "a|\u180E|b");  // a format character, no space
  EXPECT_EQ(Words("gpt-2", "a\u180E\u180Eb"), "a|\u180E\u180E|b");
}

TEST(PreTokenizer, KnowsWhichVocabulariesKeepWordsAndAddBos) {
  EXPECT_TRUE(PreTokenizer::Build("llama-bpe").value().keeps_whole_words());
  EXPECT_TRUE(PreTokenizer::Build("llama-bpe").value().adds_bos());
  EXPECT_FALSE(PreTokenizer::Build("smaug-bpe").value().keeps_whole_words());
  EXPECT_FALSE(PreTokenizer::Build("gpt-2").value().adds_bos());
}

TEST(PreTokenizer, AnUnknownNameIsUnsupportedAndTheKnownOnesAreListed) {
  const auto result = PreTokenizer::Build("gpt-17");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(result.error().message, HasSubstr("'gpt-17'"));
  EXPECT_THAT(result.error().message, HasSubstr("falcon, falcon-h1, falcon3"));
  EXPECT_FALSE(PreTokenizer::Build(std::string_view("gpt-2\0", 6)).ok());
}

TEST(PreTokenizer, EveryOneGivesTheTextBack) {
  std::mt19937 random(1);
  std::string text;
  for (int i = 0; i < 20000; ++i) {
    const char32_t limit = i % 3 == 0 ? 0x80 : i % 3 == 1 ? 0x3000 : 0x110000;
    const auto code_point = static_cast<char32_t>(random() % limit);
    if (code_point < 0xD800 || code_point > 0xDFFF) text += EncodeUtf8(code_point);
  }
  for (const std::string_view name : PreTokenizer::Names()) {
    const PreTokenizer pre_tokenizer = PreTokenizer::Build(name).value();
    std::string joined;
    for (const std::string_view word : pre_tokenizer.Split(text)) {
      ASSERT_FALSE(word.empty()) << name;
      joined += word;
    }
    EXPECT_EQ(joined, text) << name;
  }
}

// Backtracking over a run of n characters at each of its n places would take minutes.
TEST(PreTokenizer, LongRunsTakeLinearTime) {
  const std::string spaces(500000, ' ');
  std::string runs = spaces + "1" + spaces + "\u4E2D" + spaces + "." + spaces + "x";
  runs += std::string(500000, 'A') + std::string(500000, '\n') + std::string(500000, '\'') + "1";
  const auto start = std::chrono::steady_clock::now();
  std::size_t words = 0;
  for (const std::string_view name : PreTokenizer::Names()) {
    words += PreTokenizer::Build(name).value().Split(runs).size();
  }
  EXPECT_GT(words, 0u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(120));
}

}  // namespace
}  // namespace millrace

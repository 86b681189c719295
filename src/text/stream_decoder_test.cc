#include "text/stream_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

std::string Stream(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
                   StreamStart start, ShowSpecial show = ShowSpecial::kNo) {
  StreamDecoder decoder(tokenizer, start, show);
  std::string text;
  for (const TokenId token : tokens) {
    const std::string part = decoder.Push(token);
    EXPECT_TRUE(IsWellFormedUtf8(part));
    text += part;
  }
  return text + decoder.Flush();
}

Tokenizer ByteTokenizer() {
  return examples::BuildOrDie(examples::SentencePiece({"\u2581a", "a", "\u2581"}));
}

TokenId Byte(int byte) { return TokenId{3 + byte}; }

TEST(StreamDecoder, NeverGivesHalfACharacter) {
  const Tokenizer tokenizer = ByteTokenizer();
  StreamDecoder decoder(tokenizer, StreamStart::kText);
  EXPECT_EQ(decoder.Push(Byte(0xE2)), "");
  EXPECT_EQ(decoder.Push(Byte(0x82)), "");
  EXPECT_EQ(decoder.Push(Byte(0xAC)), "\u20AC");
  EXPECT_EQ(decoder.Flush(), "");
}

TEST(StreamDecoder, WhatNeverBecomesACharacterIsMarked) {
  const Tokenizer tokenizer = ByteTokenizer();
  EXPECT_EQ(Stream(tokenizer, {Byte(0xE2), Byte('x'), Byte(0xFF), Byte(0xF0)}, StreamStart::kText),
            "\uFFFDx\uFFFD\uFFFD");
}

TEST(StreamDecoder, AWholeTextLosesTheSpaceInFrontAndAContinuationKeepsIt) {
  const Tokenizer tokenizer = ByteTokenizer();
  const auto tokens = tokenizer.Encode("a a");
  EXPECT_EQ(Stream(tokenizer, tokens, StreamStart::kText), "a a");
  EXPECT_EQ(Stream(tokenizer, tokens, StreamStart::kAfterPrompt), " a a");
}

TEST(StreamDecoder, SaysWhatDecodeSays) {
  const Tokenizer tokenizer = ByteTokenizer();
  for (const char* const text : {"", " ", "a", "  a", "\u00E9\U0001F600 \u4E2D", "</s> a"}) {
    const auto tokens = tokenizer.Encode(text, {.add_special = true, .parse_special = true});
    for (const ShowSpecial show : {ShowSpecial::kNo, ShowSpecial::kYes}) {
      EXPECT_EQ(Stream(tokenizer, tokens, StreamStart::kText, show),
                tokenizer.Decode(tokens, show));
    }
  }
}

TEST(StreamDecoder, HiddenTokensDoNotInterruptACharacter) {
  const Tokenizer tokenizer = ByteTokenizer();
  EXPECT_EQ(Stream(tokenizer, {Byte(0xC3), TokenId{2}, Byte(0xA9)}, StreamStart::kText), "\u00E9");
  EXPECT_EQ(Stream(tokenizer, {Byte(0xC3), TokenId{2}}, StreamStart::kText, ShowSpecial::kYes),
            "\uFFFD</s>");
}

TEST(StreamDecoder, AfterFlushANewStreamBegins) {
  const Tokenizer tokenizer = ByteTokenizer();
  const TokenId a = tokenizer.Find("\u2581a").value();
  StreamDecoder decoder(tokenizer, StreamStart::kText);
  EXPECT_EQ(decoder.Push(a), "a");
  EXPECT_EQ(decoder.Push(a), " a");
  decoder.Flush();
  EXPECT_EQ(decoder.Push(a), "a");
}

}  // namespace
}  // namespace millrace

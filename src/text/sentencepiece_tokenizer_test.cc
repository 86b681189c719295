#include "text/sentencepiece_tokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

constexpr EncodeOptions kTextOnly = {.add_special = false, .parse_special = false};

// The pieces of `text`, with a bar between.
std::string Pieces(const Tokenizer& tokenizer, std::string_view text) {
  std::string pieces;
  for (const TokenId token : tokenizer.Encode(text, kTextOnly)) {
    if (!pieces.empty()) pieces += '|';
    pieces += tokenizer.Piece(token);
  }
  return pieces;
}

TEST(SentencePieceTokenizer, MergesTheHighestScoreFirst) {
  EXPECT_EQ(
      Pieces(examples::BuildOrDie(examples::SentencePiece({"bc", "ab", "a", "b", "c", "\u2581"})),
             "abc"),
      "\u2581|a|bc");
  EXPECT_EQ(
      Pieces(examples::BuildOrDie(examples::SentencePiece({"ab", "bc", "a", "b", "c", "\u2581"})),
             "abc"),
      "\u2581|ab|c");
}

TEST(SentencePieceTokenizer, OfEqualScoresTheLeftmostGoesFirst) {
  Vocabulary vocabulary = examples::SentencePiece({"aa", "a", "\u2581"});
  EXPECT_EQ(Pieces(examples::BuildOrDie(vocabulary), "aaaaa"), "\u2581|aa|aa|a");
}

TEST(SentencePieceTokenizer, AMergeMayBeMergedAgain) {
  const Tokenizer tokenizer = examples::BuildOrDie(examples::SentencePiece(
      {"lo", "low", "er", "\u2581low", "\u2581lower", "l", "o", "w", "e", "r", "\u2581"}));
  EXPECT_EQ(Pieces(tokenizer, "lower low"), "\u2581lower|\u2581low");
}

TEST(SentencePieceTokenizer, ACharacterWithoutAPieceBecomesItsBytes) {
  const Tokenizer tokenizer = examples::BuildOrDie(examples::SentencePiece({"a", "\u2581"}));
  EXPECT_EQ(Pieces(tokenizer, "a\u20AC"), "\u2581|a|<0xE2>|<0x82>|<0xAC>");
}

TEST(SentencePieceTokenizer, BytesThatAreNotUtf8ComeBackWithTheTextAround) {
  const Tokenizer tokenizer =
      examples::BuildOrDie(examples::SentencePiece({"a", "\u2581a", "\u2581"}));
  const std::string text = "\xE2 a\xF0\x9F a\xFF\xC0";
  EXPECT_EQ(Pieces(tokenizer, "\xE2 a"), "\u2581|<0xE2>|\u2581a");
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode(text)), text);
}

TEST(SentencePieceTokenizer, TheSpaceMarkItselfBecomesASpace) {
  const Tokenizer tokenizer = examples::BuildOrDie(examples::SentencePiece({"a", "\u2581"}));
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode("a\u2581a")), "a a");
}

// A piece with a space inside forbids cutting before spaces; one that no merge can reach changes
// nothing else.
TEST(SentencePieceTokenizer, CuttingBeforeSpacesChangesNoToken) {
  Vocabulary vocabulary =
      examples::SentencePiece({"\u2581\u2581", "ab", "\u2581a", "ba", "bb", "\u2581ab",
                               "\u2581\u2581\u2581", "aba", "a", "b", "\u2581"});
  const Tokenizer cutting = examples::BuildOrDie(vocabulary);
  examples::AddPiece(vocabulary, "xyz\u2581xyz", PieceKind::kNormal);
  const Tokenizer whole = examples::BuildOrDie(vocabulary);
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (auto length = random() % 30; length > 0; --length) text += "ab c \xE2"[random() % 6];
    ASSERT_EQ(cutting.Encode(text), whole.Encode(text)) << text;
  }
}

TEST(SentencePieceTokenizer, APieceMayHoldASpace) {
  const Tokenizer tokenizer =
      examples::BuildOrDie(examples::SentencePiece({"a\u2581", "a\u2581b", "a", "b", "\u2581"}));
  EXPECT_EQ(Pieces(tokenizer, "a b"), "\u2581|a\u2581b");
}

}  // namespace
}  // namespace millrace

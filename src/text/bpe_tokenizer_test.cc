#include "text/bpe_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr EncodeOptions kTextOnly = {.add_special = false, .parse_special = false};

std::string Pieces(const Tokenizer& tokenizer, std::string_view text) {
  std::string pieces;
  for (const TokenId token : tokenizer.Encode(text, kTextOnly)) {
    if (!pieces.empty()) pieces += '|';
    pieces += tokenizer.Piece(token);
  }
  return pieces;
}

std::string BuildError(Vocabulary vocabulary) {
  const auto result = Tokenizer::Build(std::move(vocabulary));
  return result.ok() ? "built" : result.error().message;
}

TEST(BpeTokenizer, MergesInTheOrderOfTheList) {
  EXPECT_EQ(Pieces(examples::BuildOrDie(examples::ByteLevelBpe({"b c", "a b"})), "abc"), "a|bc");
  EXPECT_EQ(Pieces(examples::BuildOrDie(examples::ByteLevelBpe({"a b", "b c"})), "abc"), "ab|c");
}

TEST(BpeTokenizer, OfOneMergeTheLeftmostGoesFirst) {
  EXPECT_EQ(Pieces(examples::BuildOrDie(examples::ByteLevelBpe({"a a"})), "aaaaa"), "aa|aa|a");
}

TEST(BpeTokenizer, AMergeIsMadeOfTheRightPiecesOnly) {
  // abc is a piece, but only of a and bc.
  EXPECT_EQ(Pieces(examples::BuildOrDie(examples::ByteLevelBpe({"a b", "b c", "a bc"})), "abc"),
            "ab|c");
}

TEST(BpeTokenizer, NothingMergesAcrossWords) {
  EXPECT_EQ(Pieces(examples::BuildOrDie(examples::ByteLevelBpe({"a \u0120", "\u0120 b"})), "a b"),
            "a|\u0120b");
}

TEST(BpeTokenizer, BytesBeyondAsciiAreSpelledInTheAlphabet) {
  EXPECT_EQ(Pieces(examples::BuildOrDie(examples::ByteLevelBpe({"\u00C3 \u00A9"})), "\u00E9\u00E8"),
            "\u00C3\u00A9|\u00C3|\u00A8");
}

TEST(BpeTokenizer, AWordThatIsAPieceIsKeptWhereThePreTokenizerSaysSo) {
  Vocabulary vocabulary = examples::ByteLevelBpe({"a b"});
  examples::AddPiece(vocabulary, "\u0120abc", PieceKind::kNormal);
  EXPECT_EQ(Pieces(examples::BuildOrDie(vocabulary), " abc"), "\u0120|ab|c");
  vocabulary.pre_tokenizer = "llama-bpe";
  vocabulary.add_bos = false;
  EXPECT_EQ(Pieces(examples::BuildOrDie(vocabulary), " abc"), "\u0120abc");
}

TEST(BpeTokenizer, EachByteThatIsNotUtf8IsReadAsAReplacementCharacter) {
  const Tokenizer tokenizer = examples::BuildOrDie(examples::ByteLevelBpe({}));
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode("a\xE2\x82z\xFF")), "a\uFFFD\uFFFDz\uFFFD");
}

TEST(BpeTokenizer, AByteWithoutAPieceIsLeftOut) {
  Vocabulary vocabulary = examples::ByteLevelBpe({"a b"});
  vocabulary.pieces[1] = "[no byte 1]";
  const Tokenizer tokenizer = examples::BuildOrDie(vocabulary);
  EXPECT_EQ(Pieces(tokenizer,
                   "\x01"
                   "ab"),
            "ab");
}

TEST(BpeTokenizer, AMergeOfUnknownPiecesIsInvalid) {
  Vocabulary vocabulary = examples::ByteLevelBpe({"a b"});
  vocabulary.merges[0] = "a bc";
  EXPECT_EQ(BuildError(vocabulary), "vocabulary: merge 0 is 'a bc', but no token is spelled 'bc'");
  vocabulary.merges[0] = "b a";
  EXPECT_THAT(BuildError(vocabulary), HasSubstr("no token is spelled 'ba'"));
  vocabulary.merges[0] = "xy a";
  EXPECT_THAT(BuildError(vocabulary), HasSubstr("no token is spelled 'xy'"));
}

TEST(BpeTokenizer, AMergeIsTwoPiecesWithASpaceBetween) {
  for (const char* const merge : {"", " ", "ab", "a ", " a", "a"}) {
    Vocabulary vocabulary = examples::ByteLevelBpe({"a b"});
    vocabulary.merges[0] = merge;
    EXPECT_THAT(BuildError(vocabulary), HasSubstr("wanted two pieces and a space between"));
  }
}

TEST(BpeTokenizer, OfTwoMergesAlikeTheFirstHolds) {
  Vocabulary vocabulary = examples::ByteLevelBpe({"a b", "b c"});
  vocabulary.merges.push_back("a b");
  EXPECT_EQ(Pieces(examples::BuildOrDie(vocabulary), "abc"), "ab|c");
}

}  // namespace
}  // namespace millrace

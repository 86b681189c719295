#include "text/word_piece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

Vocabulary SmallWordPiece() {
  Vocabulary vocabulary;
  vocabulary.kind = VocabularyKind::kWordPiece;
  vocabulary.pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  vocabulary.kinds.assign(4, PieceKind::kControl);
  vocabulary.unknown = TokenId{1};
  vocabulary.bos = TokenId{2};
  vocabulary.separator = TokenId{3};
  vocabulary.normalizers = {CleanForWordPiece{}};
  for (const char* const piece : {"\u2581em", "bed", "\u2581", "b", "\u2581.", "\u2581\u4E2D"}) {
    examples::AddPiece(vocabulary, piece, PieceKind::kNormal);
  }
  return vocabulary;
}

std::string Pieces(const Tokenizer& tokenizer, std::string_view text, bool add_special = false) {
  std::string pieces;
  for (const TokenId token : tokenizer.Encode(text, {.add_special = add_special})) {
    if (!pieces.empty()) pieces += '|';
    pieces += tokenizer.Piece(token);
  }
  return pieces;
}

TEST(WordPieceTokenizer, TakesTheLongestPieceEachTime) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallWordPiece());
  EXPECT_EQ(Pieces(tokenizer, "embedb"), "\u2581em|bed|b");
  EXPECT_EQ(Pieces(tokenizer, "b"), "\u2581|b");
}

TEST(WordPieceTokenizer, AWordWithARestIsUnknownAsAWhole) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallWordPiece());
  EXPECT_EQ(Pieces(tokenizer, "embedz b"), "[UNK]|\u2581|b");
}

TEST(WordPieceTokenizer, TextIsCleanedAndPunctuationAndHanStandAlone) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallWordPiece());
  EXPECT_EQ(Pieces(tokenizer, "\u00CA\u200Bm\u00A0B.b\u4E2D"),
            "\u2581em|\u2581|b|\u2581.|\u2581|b|\u2581\u4E2D");
}

TEST(WordPieceTokenizer, AddsClassAndSeparator) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallWordPiece());
  EXPECT_EQ(Pieces(tokenizer, "b", true), "[CLS]|\u2581|b|[SEP]");
  EXPECT_TRUE(tokenizer.adds_bos());
  EXPECT_FALSE(tokenizer.adds_eos());
}

TEST(WordPieceTokenizer, AWordOfTooManyCharactersIsUnknown) {
  Vocabulary vocabulary = SmallWordPiece();
  vocabulary.longest_word = 3;
  const Tokenizer tokenizer = examples::BuildOrDie(vocabulary);
  EXPECT_EQ(Pieces(tokenizer, "bbb bbbb"), "\u2581|b|b|b|[UNK]");
}

TEST(WordPieceTokenizer, NeedsAnUnknownToken) {
  Vocabulary vocabulary = SmallWordPiece();
  vocabulary.unknown.reset();
  const auto result = Tokenizer::Build(vocabulary);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("no unknown token"));
}

TEST(WordPieceTokenizer, JoiningTakesOutSpacesBeforeMarksAndInContractions) {
  EXPECT_EQ(JoinWords(" hello , world !"), " hello, world!");
  EXPECT_EQ(JoinWords("we 're it 's I 'll don 't"), "we're it's I 'll don 't");
  EXPECT_EQ(JoinWords("a ' b ' c"), "a'b'c");
  EXPECT_EQ(JoinWords(" ."), ".");
}

}  // namespace
}  // namespace millrace

#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "text/utf8.h"
#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string BuildError(Vocabulary vocabulary) {
  const auto result = Tokenizer::Build(std::move(vocabulary));
  return result.ok() ? "built" : result.error().message;
}

Vocabulary SmallSentencePiece() {
  return examples::SentencePiece({"\u2581a", "ab", "a", "b", "\u2581"});
}

TEST(Tokenizer, AddsBosAndEosAsTheVocabularyWants) {
  Vocabulary vocabulary = SmallSentencePiece();
  const auto a = examples::BuildOrDie(vocabulary).Find("\u2581a").value();
  EXPECT_THAT(examples::BuildOrDie(vocabulary).Encode("a"), ElementsAre(TokenId{1}, a));
  EXPECT_THAT(examples::BuildOrDie(vocabulary).Encode(""), ElementsAre(TokenId{1}));
  vocabulary.add_eos = true;
  EXPECT_THAT(examples::BuildOrDie(vocabulary).Encode("a"), ElementsAre(TokenId{1}, a, TokenId{2}));
  vocabulary.add_bos = false;
  EXPECT_THAT(examples::BuildOrDie(vocabulary).Encode("a"), ElementsAre(a, TokenId{2}));
  EXPECT_THAT(examples::BuildOrDie(vocabulary).Encode("a", {.add_special = false}), ElementsAre(a));
}

TEST(Tokenizer, ByteLevelBpeAddsBosOnlyIfToldTo) {
  Vocabulary vocabulary = examples::ByteLevelBpe({});
  EXPECT_FALSE(examples::BuildOrDie(vocabulary).adds_bos());
  vocabulary.pre_tokenizer = "llama-bpe";
  EXPECT_THAT(BuildError(vocabulary), HasSubstr("a bos token is to be added, but none is named"));
  vocabulary.bos = vocabulary.eos;
  EXPECT_TRUE(examples::BuildOrDie(vocabulary).adds_bos());
  vocabulary.add_bos = false;
  EXPECT_FALSE(examples::BuildOrDie(vocabulary).adds_bos());
}

TEST(Tokenizer, ASpaceComesBeforeTextAndAfterSpecialTokens) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallSentencePiece());
  const auto a = tokenizer.Find("\u2581a").value();
  EXPECT_THAT(tokenizer.Encode("a</s>a", {.add_special = false, .parse_special = true}),
              ElementsAre(a, TokenId{2}, a));
  Vocabulary bare = SmallSentencePiece();
  bare.add_space_prefix = false;
  const Tokenizer without = examples::BuildOrDie(bare);
  EXPECT_THAT(without.Encode("a", {.add_special = false}), ElementsAre(without.Find("a").value()));
}

TEST(Tokenizer, SpecialTokensInTextAreTextUnlessParsed) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallSentencePiece());
  const auto tokens = tokenizer.Encode("</s>", {.add_special = false});
  EXPECT_EQ(tokens.size(), 5u);
  EXPECT_EQ(tokenizer.Decode(tokens), "</s>");
}

TEST(Tokenizer, DecodingDropsTheSpaceThatEncodingAdded) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallSentencePiece());
  for (const char* const text : {"", "a", " a", "  ab", "\n", "a b ", "\u00E9"}) {
    EXPECT_EQ(tokenizer.Decode(tokenizer.Encode(text)), text);
  }
}

TEST(Tokenizer, DecodingShowsSpecialTokensIfAsked) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallSentencePiece());
  const auto tokens = tokenizer.Encode("a");
  EXPECT_EQ(tokenizer.Decode(tokens, ShowSpecial::kYes), "<s> a");
  EXPECT_EQ(tokenizer.Decode(tokens, ShowSpecial::kNo), "a");
  EXPECT_EQ(tokenizer.Bytes(TokenId{1}), "<s>");
  EXPECT_EQ(tokenizer.Bytes(TokenId{1}, ShowSpecial::kNo), "");
}

TEST(Tokenizer, TokensOutsideTheVocabularyStandForNothing) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallSentencePiece());
  const std::vector<TokenId> tokens = {TokenId{-1}, TokenId{100000}, TokenId{3 + 'x'}};
  EXPECT_EQ(tokenizer.Decode(tokens, ShowSpecial::kYes), "x");
  EXPECT_EQ(tokenizer.Bytes(TokenId{-1}), "");
  EXPECT_FALSE(tokenizer.IsEndOfGeneration(TokenId{-1}));
}

TEST(Tokenizer, UnusedPiecesAreNeverShown) {
  Vocabulary vocabulary = SmallSentencePiece();
  const TokenId named = examples::AddPiece(vocabulary, "[unused]", PieceKind::kUnused);
  const TokenId unnamed = examples::AddPiece(vocabulary, "", PieceKind::kUnused);
  examples::AddPiece(vocabulary, "", PieceKind::kUnused);
  const Tokenizer tokenizer = examples::BuildOrDie(vocabulary);
  EXPECT_EQ(tokenizer.Decode(std::vector{named, unnamed}, ShowSpecial::kYes), "");
}

TEST(Tokenizer, GenerationEndsAtEosAndAtWhatIsSpelledLikeAnEnd) {
  Vocabulary vocabulary = examples::ByteLevelBpe({});
  const TokenId im_end = examples::AddPiece(vocabulary, "<|im_end|>", PieceKind::kNormal);
  const TokenId other = examples::AddPiece(vocabulary, "<other>", PieceKind::kControl);
  const Tokenizer tokenizer = examples::BuildOrDie(vocabulary);
  EXPECT_THAT(tokenizer.end_of_generation(), ElementsAre(*tokenizer.eos(), im_end));
  EXPECT_TRUE(tokenizer.IsEndOfGeneration(im_end));
  EXPECT_FALSE(tokenizer.IsEndOfGeneration(other));
  EXPECT_EQ(tokenizer.eot(), im_end);
  EXPECT_TRUE(tokenizer.IsSpecial(im_end));  // whatever the file says
}

TEST(Tokenizer, EndOnlyClosesAMessageWhereThereAreCallsAndReturns) {
  Vocabulary vocabulary = examples::ByteLevelBpe({});
  const TokenId end = examples::AddPiece(vocabulary, "<|end|>", PieceKind::kControl);
  EXPECT_TRUE(examples::BuildOrDie(vocabulary).IsEndOfGeneration(end));
  examples::AddPiece(vocabulary, "<|call|>", PieceKind::kControl);
  examples::AddPiece(vocabulary, "<|return|>", PieceKind::kControl);
  EXPECT_FALSE(examples::BuildOrDie(vocabulary).IsEndOfGeneration(end));
  EXPECT_FALSE(examples::BuildOrDie(vocabulary).IsSpecial(end));
}

TEST(Tokenizer, DefaultIdsAreThoseOfTheFirstSentencePieceModels) {
  const Tokenizer tokenizer = examples::BuildOrDie(SmallSentencePiece());
  EXPECT_EQ(tokenizer.bos(), TokenId{1});
  EXPECT_EQ(tokenizer.eos(), TokenId{2});
  EXPECT_EQ(tokenizer.pad(), std::nullopt);
  EXPECT_EQ(examples::BuildOrDie(examples::ByteLevelBpe({})).bos(), std::nullopt);
}

TEST(Tokenizer, WithoutKindsTheSpellingTellsBytes) {
  Vocabulary vocabulary = SmallSentencePiece();
  vocabulary.kinds.clear();
  const Tokenizer tokenizer = examples::BuildOrDie(vocabulary);
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode("z", {.add_special = false})), "z");
}

TEST(Tokenizer, AMovedTokenizerStillWorks) {
  Tokenizer first = examples::BuildOrDie(SmallSentencePiece());
  const auto tokens = first.Encode("ab ab");
  const std::string_view bytes = first.Bytes(tokens[1]);
  const Tokenizer second = std::move(first);
  EXPECT_EQ(second.Encode("ab ab"), tokens);
  EXPECT_EQ(second.Bytes(tokens[1]).data(), bytes.data());
}

TEST(Tokenizer, ADamagedVocabularyIsInvalid) {
  const auto expect = [](const char* message, auto damage) {
    Vocabulary vocabulary = SmallSentencePiece();
    damage(vocabulary);
    EXPECT_THAT(BuildError(vocabulary), HasSubstr(message));
  };
  using V = Vocabulary&;
  expect("no tokens", [](V v) { v.pieces.clear(); });
  expect("263 scores for 264 tokens", [](V v) { v.scores.pop_back(); });
  expect("1 token types for 264 tokens", [](V v) { v.kinds.resize(1); });
  expect("token 260 is empty, a hole among 264 tokens", [](V v) { v.pieces[260].clear(); });
  expect("tokens 259 and 260 are both spelled", [](V v) { v.pieces[260] = v.pieces[259]; });
  expect("the score of token 7 is nan", [](V v) { v.scores[7] = std::nanf(""); });
  expect("the score of token 7 is inf",
         [](V v) { v.scores[7] = std::numeric_limits<float>::infinity(); });
  expect("no token stands for the byte 0x0A", [](V v) {
    v.pieces[3 + 10] = "<0x0a>";
    v.kinds[3 + 10] = PieceKind::kNormal;
  });
  expect("token 13 is a byte spelled '<0x0a>'", [](V v) { v.pieces[3 + 10] = "<0x0a>"; });
  expect("the bos token is 264, there are 264 tokens", [](V v) { v.bos = TokenId{264}; });
  expect("the pad token is -1", [](V v) { v.pad = TokenId{-1}; });
  expect("token 5 is of type 9", [](V v) { v.kinds[5] = static_cast<PieceKind>(9); });
  expect("no token stands for the byte 0x00", [](V v) {
    v.pieces.resize(1);
    v.scores.resize(1);
    v.kinds.resize(1);
    v.add_bos = false;
  });
}

// Code points of every size, so of every script, and control characters; the space mark is the one
// that cannot return.
std::string RandomText(std::mt19937& random, int code_points) {
  std::string text;
  for (int i = 0; i < code_points; ++i) {
    constexpr char32_t kLimits[] = {0x80, 0x80, 0x800, 0x3000, 0x10000, 0x110000};
    const auto code_point = static_cast<char32_t>(random() % kLimits[random() % 6]);
    const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (!is_surrogate && code_point != 0x2581) text += EncodeUtf8(code_point);
  }
  return text;
}

TEST(Tokenizer, RandomTextComesBack) {
  const Tokenizer sentence_piece = examples::BuildOrDie(SmallSentencePiece());
  Vocabulary vocabulary = examples::ByteLevelBpe({"\u0120 a", "e r"});
  std::mt19937 random(20240229);
  for (const char* const name : {"gpt-2", "falcon", "llama-bpe", "deepseek-llm", "tekken"}) {
    vocabulary.pre_tokenizer = name;
    vocabulary.add_bos = false;
    const Tokenizer bpe = examples::BuildOrDie(vocabulary);
    for (int i = 0; i < 200; ++i) {
      const std::string text = RandomText(random, i);
      ASSERT_EQ(bpe.Decode(bpe.Encode(text)), text) << name;
      ASSERT_EQ(sentence_piece.Decode(sentence_piece.Encode(text)), text);
    }
  }
}

TEST(Tokenizer, AMegabyteInOneLineTakesNoTimeToSpeakOf) {
  const Tokenizer sentence_piece =
      examples::BuildOrDie(examples::SentencePiece({"aa", "aaaa", "ab", "a", "b", "\u2581"}));
  const Tokenizer bpe = examples::BuildOrDie(examples::ByteLevelBpe({"a a", "aa aa", "a b"}));
  const auto start = std::chrono::steady_clock::now();
  for (const Tokenizer* const tokenizer : {&sentence_piece, &bpe}) {
    for (const std::string& text :
         {std::string(1000000, 'a'), std::string(1000000, ' '), std::string(1000000, '\xFF')}) {
      EXPECT_GT(tokenizer->Encode(text).size(), 100000u);
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace millrace

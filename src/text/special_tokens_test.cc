#include "text/special_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A vocabulary of these control tokens, and of user-defined ones.
class Specials {
 public:
  Specials(std::initializer_list<std::string_view> control,
           std::initializer_list<std::string_view> user_defined, bool swallow_space = false)
      : pieces_(BuildPieces(control, user_defined, swallow_space)), specials_(pieces_) {}

  // The fragments of `text`, special tokens in brackets.
  std::vector<std::string> Split(std::string_view text, ParseSpecial parse) const {
    std::vector<std::string> fragments;
    for (const TextFragment& fragment : specials_.Split(text, parse)) {
      fragments.push_back(fragment.token.has_value()
                              ? fmt::format("[{}]", pieces_.Bytes(*fragment.token))
                              : std::string(fragment.text));
    }
    return fragments;
  }

 private:
  static PieceTable BuildPieces(std::initializer_list<std::string_view> control,
                                std::initializer_list<std::string_view> user_defined,
                                bool swallow_space) {
    Vocabulary vocabulary = examples::ByteLevelBpe({});
    vocabulary.specials_swallow_space = swallow_space;
    for (const auto piece : control) examples::AddPiece(vocabulary, piece, PieceKind::kControl);
    for (const auto piece : user_defined) {
      examples::AddPiece(vocabulary, piece, PieceKind::kUserDefined);
    }
    return PieceTable::Build(std::move(vocabulary), /*add_bos_default=*/false).value();
  }

  PieceTable pieces_;
  SpecialTokens specials_;
};

TEST(SpecialTokens, ControlTokensAreTextUnlessAskedFor) {
  const Specials specials({"<a>"}, {"<u>"});
  EXPECT_THAT(specials.Split("x<a>y<u>z", ParseSpecial::kNo), ElementsAre("x<a>y", "[<u>]", "z"));
  EXPECT_THAT(specials.Split("x<a>y<u>z", ParseSpecial::kYes),
              ElementsAre("x", "[<a>]", "y", "[<u>]", "z"));
}

TEST(SpecialTokens, NoFragmentIsEmpty) {
  const Specials specials({"<a>"}, {});
  EXPECT_THAT(specials.Split("", ParseSpecial::kYes), IsEmpty());
  EXPECT_THAT(specials.Split("<a><a>", ParseSpecial::kYes), ElementsAre("[<a>]", "[<a>]"));
}

TEST(SpecialTokens, TheLongestWinsEvenIfAnotherBeginsEarlier) {
  const Specials specials({"ab", "bcd"}, {});
  EXPECT_THAT(specials.Split("abcd", ParseSpecial::kYes), ElementsAre("a", "[bcd]"));
  EXPECT_THAT(specials.Split("abab", ParseSpecial::kYes), ElementsAre("[ab]", "[ab]"));
}

TEST(SpecialTokens, OfEqualLengthTheLowerIdWins) {
  EXPECT_THAT(Specials({"ab", "bc"}, {}).Split("abc", ParseSpecial::kYes),
              ElementsAre("[ab]", "c"));
  EXPECT_THAT(Specials({"bc", "ab"}, {}).Split("abc", ParseSpecial::kYes),
              ElementsAre("a", "[bc]"));
}

TEST(SpecialTokens, RunsOfOneCharacterAreTakenFromTheLeft) {
  const Specials specials({}, {"    ", "  "});
  EXPECT_THAT(specials.Split("       x", ParseSpecial::kNo), ElementsAre("[    ]", "[  ]", " x"));
}

TEST(SpecialTokens, SpaceIsSwallowedWhereTheVocabularySaysSo) {
  const Specials specials({"<a>", "<s>"}, {}, /*swallow_space=*/true);
  EXPECT_THAT(specials.Split("x <a> \t\r\n y", ParseSpecial::kYes),
              ElementsAre("x ", "[<a>]", "y"));
  EXPECT_THAT(specials.Split("<s> y", ParseSpecial::kYes), ElementsAre("[<s>]", " y"));
  EXPECT_THAT(specials.Split("<a>  ", ParseSpecial::kYes), ElementsAre("[<a>]"));
}

TEST(SpecialTokens, WhatWasSwallowedIsNotFoundAgain) {
  const Specials specials({"<aaa>", " \n "}, {}, /*swallow_space=*/true);
  EXPECT_THAT(specials.Split("<aaa> \n \n x", ParseSpecial::kYes), ElementsAre("[<aaa>]", "x"));
}

}  // namespace
}  // namespace millrace

#include "text/unicode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

TEST(Unicode, SpacesAreTheTwentyFiveOfTheStandard) {
  int spaces = 0;
  for (char32_t c = 0; c < 0x110000; ++c) spaces += IsUnicodeSpace(c) ? 1 : 0;
  EXPECT_EQ(spaces, 25);
  EXPECT_TRUE(IsUnicodeSpace(0x3000));
  EXPECT_FALSE(IsUnicodeSpace(0x200B));
}

TEST(Unicode, PunctuationOfWordPieceIsAllOfAsciiThatIsNoLetterOrDigit) {
  std::string found;
  for (char c = 0; c >= 0 && c < 0x7F; ++c) {
    if (IsPunctuationOrAsciiSymbol(static_cast<char32_t>(c))) found += c;
  }
  EXPECT_EQ(found, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
  EXPECT_TRUE(IsPunctuationOrAsciiSymbol(0x3002));   // ideographic full stop
  EXPECT_FALSE(IsPunctuationOrAsciiSymbol(0x20AC));  // euro sign: a symbol
}

TEST(Unicode, NormalFormsAreThoseOfTheStandard) {
  // UAX #15, figures 3 to 6.
  EXPECT_EQ(NormalizeUtf8("\u212B", NormalForm::kNfd), "A\u030A");
  EXPECT_EQ(NormalizeUtf8("\u212B", NormalForm::kNfc), "\u00C5");
  EXPECT_EQ(NormalizeUtf8("\uFB01 2\u2075", NormalForm::kNfd), "\uFB01 2\u2075");
  EXPECT_EQ(NormalizeUtf8("\uFB01 2\u2075", NormalForm::kNfkc), "fi 25");
  EXPECT_EQ(NormalizeUtf8("\u1E9B\u0323", NormalForm::kNfkd), "s\u0323\u0307");
  EXPECT_EQ(NormalizeUtf8("\u1E9B\u0323", NormalForm::kNfkc), "\u1E69");
  EXPECT_EQ(NormalizeUtf8("\uAC01", NormalForm::kNfd), "\u1100\u1161\u11A8");
}

TEST(Unicode, IllFormedBytesStayWhereTheyAre) {
  EXPECT_EQ(NormalizeUtf8("A\u030A\xFF"
                          "A\u030A\xC3",
                          NormalForm::kNfc),
            "\u00C5\xFF\u00C5\xC3");
  EXPECT_EQ(LowercaseUtf8("\xFF\u00C5"), "\xFF\u00E5");
  EXPECT_EQ(RemoveMarks("a\u0301\xFF", Marks::kAll), "a\xFF");
}

// Exchanging neighbours would take 10^10 steps.
TEST(Unicode, ALongRunOfMarksTakesNoTimeToSpeakOf) {
  std::string text = "a";
  std::string sorted = "a";
  for (int i = 0; i < 100000; ++i) {
    text += "\u0301\u0323";
    sorted += "\u0323";
  }
  for (int i = 0; i < 100000; ++i) sorted += "\u0301";
  EXPECT_EQ(NormalizeUtf8(text, NormalForm::kNfd), sorted);
}

TEST(Unicode, LowercaseIsFullButWithoutContext) {
  EXPECT_EQ(LowercaseUtf8("\u00C4\u0130\u03A3"), "\u00E4i\u0307\u03C3");
}

TEST(Unicode, MarksAreNonspacingOrAll) {
  // A nonspacing and a spacing mark of Devanagari.
  EXPECT_EQ(RemoveMarks("\u0926\u0941\u093F", Marks::kNonspacing), "\u0926\u093F");
  EXPECT_EQ(RemoveMarks("\u0926\u0941\u093F", Marks::kAll), "\u0926");
}

}  // namespace
}  // namespace millrace

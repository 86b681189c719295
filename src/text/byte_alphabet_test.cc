#include "text/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "text/utf8.h"

namespace millrace {
namespace {

TEST(ByteAlphabet, HasALetterOfItsOwnForEveryByte) {
  std::set<std::string> letters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string_view letter = LetterOfByte(static_cast<std::uint8_t>(byte));
    letters.emplace(letter);
    EXPECT_EQ(ByteOfLetter(FirstUtf8Sequence(letter).code_point), byte);
  }
  EXPECT_EQ(letters.size(), 256u);
}

TEST(ByteAlphabet, WritesSpaceLineFeedAndSoftHyphenAsVocabulariesDo) {
  EXPECT_EQ(LetterOfByte(' '), "\u0120");
  EXPECT_EQ(LetterOfByte('\n'), "\u010A");
  EXPECT_EQ(LetterOfByte(0xAD), "\u0143");
  EXPECT_EQ(LetterOfByte('A'), "A");
  EXPECT_EQ(LetterOfByte(0xE9), "\u00E9");
}

TEST(ByteAlphabet, KnowsWhatIsNotALetter) {
  for (const char32_t code_point : {U' ', U'\n', char32_t{0x7F}, char32_t{0xAD}, char32_t{0x144}}) {
    EXPECT_EQ(ByteOfLetter(code_point), std::nullopt);
  }
}

TEST(ByteAlphabet, ASpellingStandsForItsBytes) {
  EXPECT_EQ(SpellBytes(" caf\u00E9"), "\u0120caf\u00C3\u00A9");
  EXPECT_EQ(BytesOfSpelling("\u0120caf\u00C3\u00A9"), " caf\u00E9");
}

TEST(ByteAlphabet, WhatIsNoLetterStandsForItself) {
  EXPECT_EQ(BytesOfSpelling("a b\u4E2D\xFF"), "a b\u4E2D\xFF");
}

}  // namespace
}  // namespace millrace

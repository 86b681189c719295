#include "cli/escapes.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  for (const char* text : {"", "plain", "é€🌍", "back\\slash", "'quotes\""}) {
    EXPECT_EQ(Printable(text), text);
  }
}

TEST(Printable, SpellsControlCharactersAndLooseBytes) {
  EXPECT_EQ(Printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(Printable(std::string_view("\0\x1b[31m\x7f", 7)), "\\x00\\x1b[31m\\x7f");
  EXPECT_EQ(Printable("\xff\xc3(\xe2\x82"), "\\xff\\xc3(\\xe2\\x82");
}

TEST(Printable, SpellsWhatTerminalsTakeForLineEndsOrControls) {
  EXPECT_EQ(Printable("\xc2\x85"), "\\xc2\\x85");           // next line
  EXPECT_EQ(Printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");  // line separator
}

TEST(PrintableStart, CutsBetweenCharacters) {
  EXPECT_EQ(PrintableStart("abcdef", 6), "abcdef");
  EXPECT_EQ(PrintableStart("abcdef", 5), "abcde...");
  EXPECT_EQ(PrintableStart("ééé", 3), "éé...");
  EXPECT_EQ(PrintableStart("", 0), "");
}

TEST(Unescape, ReadsTheEscapesOfLlamaCpp) {
  EXPECT_EQ(Unescape("a\\nb\\tc\\rd"), "a\nb\tc\rd");
  EXPECT_EQ(Unescape("\\'\\\"\\\\"), "'\"\\");
  EXPECT_EQ(Unescape("\\x41\\xe9\\xFF"), "A\xe9\xff");
  EXPECT_EQ(Unescape("\\x00"), std::string(1, '\0'));
}

TEST(Unescape, LeavesOtherBackslashes) {
  for (const char* text : {"\\", "\\q", "\\x", "\\x4", "\\xg1", "\\x+1", "C:\\dir"}) {
    EXPECT_EQ(Unescape(text), text);
  }
  EXPECT_EQ(Unescape("\\\\n"), "\\n");
}

}  // namespace
}  // namespace millrace

#include "text/oniguruma.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/regex.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

// All matches of `pattern` in `text`, with a bar between; the reason if there is no such
// expression.
std::string Matches(std::string_view pattern, std::string_view text) {
  const Result<std::string> translated = TranslateOniguruma(pattern);
  if (!translated.ok()) return translated.error().message;
  const Result<Regex> regex = Regex::Compile(*translated, Regex::Origin::kFile);
  if (!regex.ok()) return regex.error().message;
  RegexSearch search(*regex);
  std::vector<std::string> matches;
  std::size_t done = 0;
  bool after_match = false;
  while (const auto match = search.FindNext(text, done, after_match)) {
    matches.emplace_back(text.substr(match->begin, match->end - match->begin));
    done = match->end;
    after_match = true;
  }
  return fmt::format("{}", fmt::join(matches, "|"));
}

TEST(Oniguruma, ClassesAreThoseOfUnicode) {
  EXPECT_EQ(Matches(R"(\s+)", "a\u3000\u00A0b\u180E "), "\u3000\u00A0| ");
  EXPECT_EQ(Matches(R"(\S+)", "a\u3000b\u180E"), "a|b\u180E");
  EXPECT_EQ(Matches(R"(\d+)", "12\u0663\u00BD"), "12\u0663");
  EXPECT_EQ(Matches(R"(\w+)", "\u00E9_1\u0301-\u00BD"), "\u00E9_1\u0301");
  EXPECT_EQ(Matches(R"(\h+)", "fagF0 "), "fa|F0");
  EXPECT_EQ(Matches(R"([\s\d]+)", "a 1\u2003b"), " 1\u2003");
  EXPECT_EQ(Matches(R"([^\s\p{L}]+)", "a 1,\u00E9"), "1,");
  EXPECT_EQ(Matches(R"([\S\n]+)", "a \nb"), "a|\nb");
}

TEST(Oniguruma, SetsMayHoldSetsAndBeCut) {
  EXPECT_EQ(Matches(R"([a[bc]d]+)", "xabcdy"), "abcd");
  EXPECT_EQ(Matches(R"([\p{L}&&[^\p{Han}]]+)", "ab\u4E2Dc"), "ab|c");
  EXPECT_EQ(Matches(R"([^\p{L}&&[^\p{Han}]]+)", "a1\u4E2Db"), "1\u4E2D");
  EXPECT_EQ(Matches(R"([a-f&&[^c]&&b-z]+)", "abcdefg"), "b|def");
}

TEST(Oniguruma, ARepetitionOfARepetitionIsNotPossessive) {
  EXPECT_EQ(Matches(R"(\p{N}{1,3}+0)", "12340"), "12340");
  EXPECT_EQ(Matches(R"((?:ab){2}+)", "ababababx"), "abababab");
  EXPECT_EQ(Matches(R"(a{,2}b)", "aab"), "aab");
  EXPECT_EQ(Matches("\u00E9{2}+", "\u00E9\u00E9\u00E9\u00E9"), "\u00E9\u00E9\u00E9\u00E9");
  EXPECT_EQ(Matches(R"(a++a)", "aaa"), "");  // this one is
}

TEST(Oniguruma, LinesAndCases) {
  EXPECT_EQ(Matches(R"(^a$)", "a\na"), "a|a");
  EXPECT_EQ(Matches(R"((?i:'S)|x)", "'s'SX"), "'s|'S");
  EXPECT_EQ(Matches(R"((?m:a.b))", "a\nb"), "a\nb");
  EXPECT_EQ(Matches(R"(\u4e2d|\x{E9})", "\u4E2D\u00E9"), "\u4E2D|\u00E9");
}

TEST(Oniguruma, EmptyMatchesAreFoundBetweenCharacters) {
  EXPECT_EQ(Matches(R"((?=(\d{3})+(?!\d)))", "1234567"), "|");  // before 234 and before 567
}

TEST(Oniguruma, WhatHasNoTranslationIsRefused) {
  EXPECT_THAT(Matches(R"((*FAIL))", ""), HasSubstr("a verb at byte 0"));
  EXPECT_THAT(Matches(R"((?R))", ""), HasSubstr("an option that is not known"));
  EXPECT_THAT(Matches(R"([[:alpha:]])", ""), HasSubstr("a POSIX class"));
  EXPECT_THAT(Matches(R"([abc)", ""), HasSubstr("a set that is not closed"));
  EXPECT_THAT(Matches(R"(\C)", ""), HasSubstr("an escape that is not known"));
  EXPECT_THAT(Matches(R"(\)", ""), HasSubstr("a backslash at the end"));
  EXPECT_THAT(Matches(R"((a)", ""), HasSubstr("missing closing parenthesis"));
  EXPECT_THAT(Matches(std::string(60, '['), ""), HasSubstr("too deep"));
  EXPECT_THAT(Matches(std::string(70000, 'a'), ""), HasSubstr("of 70000 bytes"));
}

TEST(Oniguruma, ASearchThatTakesTooLongFindsNothing) {
  EXPECT_EQ(Matches("(a|aa)+$", std::string(60, 'a') + "b"), "");
}

}  // namespace
}  // namespace millrace

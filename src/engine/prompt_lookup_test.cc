#include "engine/prompt_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

// Letters are tokens.
std::string Found(const std::string& text, std::size_t most, PromptLookupOptions options = {}) {
  std::vector<TokenId> tokens, proposed;
  for (const char letter : text) tokens.push_back(TokenId{letter});
  LookUp(tokens, most, options, proposed);
  std::string letters;
  for (const TokenId token : proposed) letters += static_cast<char>(token.value);
  return letters;
}

TEST(PromptLookup, ProposesWhatFollowedTheLastTokens) {
  EXPECT_EQ(Found("the cat sat. the c", 3), "at ");
  EXPECT_EQ(Found("the cat sat. the c", 100).substr(0, 14), "at sat. the ca");
}

TEST(PromptLookup, TheLongestMatchWinsAndOfEqualOnesTheLatest) {
  EXPECT_EQ(Found("xabcD..abcE..abc", 1), "E");
  EXPECT_EQ(Found("xabcD..bcE..xabc", 1), "D");
}

TEST(PromptLookup, AMatchThatIsLongEnoughIsTaken) {
  EXPECT_EQ(Found("xabcD..bcE..xabc", 1, {.shortest = 2, .longest = 2}), "E");
}

TEST(PromptLookup, ShortMatchesAreNoMatches) {
  EXPECT_EQ(Found("ab..b", 3), "");
  EXPECT_EQ(Found("ab..b", 3, {.shortest = 1, .longest = 4}), "..b");
  EXPECT_EQ(Found("abc..abc", 2, {.shortest = 4, .longest = 8}), "");
  EXPECT_EQ(Found("abcdef", 3), "");
}

TEST(PromptLookup, ARepetitionGoesOnAsLongAsItIsAskedFor) {
  EXPECT_EQ(Found("xyzabab", 5), "ababa");
  EXPECT_EQ(Found("aaa", 4), "aaaa");
}

TEST(PromptLookup, HasNothingToSayAtTheBeginning) {
  EXPECT_EQ(Found("a", 3), "");
  EXPECT_EQ(Found("aa", 3), "");
  EXPECT_EQ(Found("aa", 3, {.shortest = 1, .longest = 1}), "aaa");
}

}  // namespace
}  // namespace millrace

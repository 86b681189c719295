#include "text/piece_trie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace millrace {
namespace {

TEST(PieceTrie, FindsTheLongestPrefix) {
  const PieceTrie trie({{"a", 1}, {"abc", 2}, {"\xFF", 3}, {"", 4}, {"a", 5}});
  EXPECT_EQ(trie.LongestPrefix("abd")->value, 1);
  EXPECT_EQ(trie.LongestPrefix("abd")->bytes, 1u);
  EXPECT_EQ(trie.LongestPrefix("abcd")->value, 2);
  EXPECT_EQ(trie.LongestPrefix("\xFF")->value, 3);
  EXPECT_FALSE(trie.LongestPrefix("b").has_value());
  EXPECT_FALSE(trie.LongestPrefix("").has_value());
  EXPECT_FALSE(PieceTrie().LongestPrefix("a").has_value());
}

TEST(PieceTrie, HoldsWhatAMapHolds) {
  std::mt19937 random(7);
  std::map<std::string, std::int32_t> map;
  for (int i = 0; i < 2000; ++i) {
    std::string piece;
    for (auto left = random() % 5 + 1; left > 0; --left) piece += static_cast<char>(random() % 4);
    map.emplace(piece, i);
  }
  const PieceTrie trie(
      std::vector<std::pair<std::string_view, std::int32_t>>(map.begin(), map.end()));
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int left = 6; left > 0; --left) text += static_cast<char>(random() % 5);
    std::size_t longest = 0;
    for (std::size_t bytes = 1; bytes <= text.size(); ++bytes) {
      if (map.contains(text.substr(0, bytes))) longest = bytes;
    }
    const auto match = trie.LongestPrefix(text);
    ASSERT_EQ(match.has_value() ? match->bytes : 0, longest);
    if (match.has_value()) {
      EXPECT_EQ(match->value, map[text.substr(0, longest)]);
    }
  }
}

}  // namespace
}  // namespace millrace

#include "toml/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string ErrorOf(const auto& result) {
  return result.ok() ? "no error" : result.error().message;
}

struct File {
  explicit File(std::string_view text) : value(ParseToml(text, "f.toml").value()) {}
  TomlTable root() const { return TomlTable(value, "f.toml"); }
  TomlValue value;
};

TEST(TomlDocument, ValuesAreReadByTheirKind) {
  const File file(
      "name = 'x'\nwhole = 3\nreal = 2.5\nflag = true\ntexts = ['a', 'b']\n[t]\nk = 1\n");
  const TomlTable root = file.root();
  EXPECT_EQ(*root.Text("name"), "x");
  EXPECT_EQ(*root.Whole("whole", 0, 3), 3);
  EXPECT_EQ(*root.Real("real", 0, 3), 2.5);
  EXPECT_EQ(*root.Real("whole", 0, 3), 3.0);
  EXPECT_TRUE(*root.Flag("flag", false));
  EXPECT_THAT(*root.Texts("texts"), testing::ElementsAre("a", "b"));
  EXPECT_EQ(*root.Table("t")->Whole("k", 0, 9), 1);
  EXPECT_EQ(*root.Text("missing", "fallback"), "fallback");
  EXPECT_TRUE(root.Texts("missing")->empty());
}

TEST(TomlDocument, MessagesSayLineAndColumn) {
  const File file("name = 'x'\n  whole = 3\n[t]\nk = 1\n");
  const TomlTable root = file.root();
  EXPECT_EQ(ErrorOf(root.Whole("whole", 5, 9)),
            "f.toml:2:3: whole: found 3, wanted a whole number from 5 to 9");
  EXPECT_EQ(ErrorOf(root.Whole("name", 5, 9)),
            "f.toml:1:1: name: found 'x', wanted a whole number from 5 to 9");
  EXPECT_THAT(ErrorOf(root.Table("t")->Text("none")), StartsWith("f.toml:3:2: found no key none"));
  EXPECT_EQ(ErrorOf(root.OnlyKeys({"name", "t"})),
            "f.toml:2:3: found key 'whole', wanted one of name, t");
  EXPECT_THAT(ErrorOf(ParseToml("a = 1\nb = = 2\n", "f.toml")), StartsWith("f.toml:2:5: "));
}

TEST(TomlDocument, NumbersThatAreNoneAreOutOfEveryRange) {
  const File file("a = nan\nb = inf\nc = -inf\n");
  for (const char* key : {"a", "b", "c"}) EXPECT_FALSE(file.root().Real(key, -1e300, 1e300).ok());
}

TEST(TomlDocument, TextsHaveOneLine) {
  const File file("a = \"x\\ny\"\nb = ''\nc = ['x', \"y\\r\"]\n");
  for (const char* key : {"a", "b"}) EXPECT_FALSE(file.root().Text(key).ok());
  EXPECT_FALSE(file.root().Texts("c").ok());
}

TEST(TomlDocument, WhatIsNoTomlIsAnErrorAndNoException) {
  for (const char* text : {"a", "a = ", "[", "a = 1\na = 2", "a = 1979-05-27", "\xff\xfe",
                           "a = 1e999x", "a = 99999999999999999999"}) {
    const auto result = ParseToml(text, "f.toml");
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_THAT(result.error().message, HasSubstr("f.toml:"));
    EXPECT_THAT(result.error().message, testing::Not(HasSubstr("\n")));
  }
}

TEST(TomlDocument, DepthIsBoundedByTheLengthOfALine) {
  std::string nested = "a";
  for (int i = 0; i < 2000; ++i) nested += ".a";
  EXPECT_TRUE(ParseToml(nested + " = 1\n", "f.toml").ok());
  for (int i = 0; i < 2000; ++i) nested += ".a";
  EXPECT_THAT(ErrorOf(ParseToml("x = 1\n" + nested + " = 1\n", "f.toml")),
              HasSubstr("f.toml:2:1: found a line"));
  EXPECT_FALSE(ParseToml("a = " + std::string(3000, '[') + "\n", "f.toml").ok());
  EXPECT_FALSE(ParseToml(std::string((1 << 20) + 1, '\n'), "f.toml").ok());
}

}  // namespace
}  // namespace millrace

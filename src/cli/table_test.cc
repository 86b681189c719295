#include "cli/table.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

Table Example() {
  Table table({"name", "count", "rate"});
  table.Add({"é", "7", ""});
  table.Add({"second", "1234567", "1.5 ± 0.2"});
  return table;
}

TEST(Table, MarkdownIsAlignedWithNumbersToTheRight) {
  EXPECT_EQ(Example().Markdown(),
            "| name   |   count |      rate |\n"
            "| ------ | ------: | --------: |\n"
            "| é      |       7 |           |\n"
            "| second | 1234567 | 1.5 ± 0.2 |\n");
}

TEST(Table, AColumnWithAnythingElseStaysLeft) {
  Table table({"value"});
  table.Add({"12"});
  table.Add({"word"});
  EXPECT_EQ(table.Markdown(), "| value |\n| ----- |\n| 12    |\n| word  |\n");
}

TEST(Table, BarsDoNotEndACell) {
  Table table({"key"});
  table.Add({"a|b"});
  EXPECT_EQ(table.Markdown(), "| key  |\n| ---- |\n| a\\|b |\n");
}

TEST(Table, CsvQuotesWhatMustBeQuoted) {
  Table table({"a", "b"});
  table.Add({"1,5", "say \"hi\""});
  table.Add({"", "two\nlines"});
  EXPECT_EQ(table.Csv(), "a,b\n\"1,5\",\"say \"\"hi\"\"\"\n,\"two\nlines\"\n");
}

}  // namespace
}  // namespace millrace

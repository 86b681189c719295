#include "cli/numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(ParseWhole, TakesWholeNumbersWithinTheBounds) {
  EXPECT_EQ(ParseWhole("0", 0, 5).value(), 0);
  EXPECT_EQ(ParseWhole("5", 0, 5).value(), 5);
  EXPECT_EQ(ParseWhole("-3", -3, 5).value(), -3);
}

TEST(ParseWhole, RefusesEverythingElse) {
  for (const char* text :
       {"", " 1", "1 ", "+1", "1.0", "0x1", "6", "-1", "one", "1e0", "99999999999999999999"}) {
    EXPECT_FALSE(ParseWhole(text, 0, 5).ok()) << text;
  }
  EXPECT_EQ(ParseWhole("6", 0, 5).error().message, "found '6', wanted a whole number from 0 to 5");
}

TEST(ParseWholes, TakesAnySeparators) {
  using testing::ElementsAre;
  EXPECT_THAT(ParseWholes("1,2,3", 0, 9).value(), ElementsAre(1, 2, 3));
  EXPECT_THAT(ParseWholes("1 2\t3\r\n", 0, 9).value(), ElementsAre(1, 2, 3));
  EXPECT_THAT(ParseWholes("[1, 2, -3]", -9, 9).value(), ElementsAre(1, 2, -3));
  EXPECT_THAT(ParseWholes("7", 0, 9).value(), ElementsAre(7));
  EXPECT_THAT(ParseWholes("", 0, 9).value(), ElementsAre());
  EXPECT_THAT(ParseWholes(" ,[]", 0, 9).value(), ElementsAre());
}

TEST(ParseWholes, RefusesTheListForOneWrongNumber) {
  EXPECT_FALSE(ParseWholes("1,10", 0, 9).ok());
  EXPECT_FALSE(ParseWholes("1;2", 0, 9).ok());
  EXPECT_FALSE(ParseWholes("1,2x", 0, 9).ok());
  EXPECT_FALSE(ParseWholes("1--2", -9, 9).ok());
}

}  // namespace
}  // namespace millrace

#include "compiler/reservation.h"

#include <gtest/gtest.h>

namespace millrace::compiler {
namespace {

TEST(ReservationTable, FindsTheFirstFreeCycleAndNotOneBefore) {
  ReservationTable table(2);
  const Usage port{.resource = 0, .first = 2, .count = 5};
  table.Reserve({&port, 1}, 10);  // cycles 12 .. 16
  const Usage after{.resource = 0, .first = 0, .count = 1};
  EXPECT_EQ(table.EarliestFit({&after, 1}, 11), 11);
  EXPECT_EQ(table.EarliestFit({&after, 1}, 12), 17);
  const Usage wide{.resource = 0, .first = 0, .count = 3};
  EXPECT_EQ(table.EarliestFit({&wide, 1}, 9), 9);
  EXPECT_EQ(table.EarliestFit({&wide, 1}, 10), 17);
  const Usage other{.resource = 1, .first = 0, .count = 3};
  EXPECT_EQ(table.EarliestFit({&other, 1}, 12), 12);
  EXPECT_EQ(table.end(), 17);
}

TEST(ReservationTable, StepsWithAnIntervalFitBetweenOthers) {
  ReservationTable table(1);
  const Usage even{.resource = 0, .first = 0, .count = 10, .interval = 2};
  table.Reserve({&even, 1}, 0);
  EXPECT_EQ(table.EarliestFit({&even, 1}, 0), 1);
  const Usage two{.resource = 0, .first = 0, .count = 2};
  EXPECT_EQ(table.EarliestFit({&two, 1}, 0), 19);
}

TEST(ReservationTable, NoCycleLiesBeforeTheFirst) {
  ReservationTable table(1);
  const Usage early{.resource = 0, .first = -7};
  EXPECT_EQ(table.EarliestFit({&early, 1}, 0), 7);
}

TEST(ReservationTable, ALoopIsFreeWhereEveryIterationIs) {
  ReservationTable table(1, /*period=*/8);
  const Usage half{.resource = 0, .first = 0, .count = 4};
  table.Reserve({&half, 1}, 6);  // 6, 7, 0, 1
  EXPECT_EQ(table.EarliestFit({&half, 1}, 0), 2);
  table.Reserve({&half, 1}, 2);
  EXPECT_FALSE(table.EarliestFit({&half, 1}, 0));
}

TEST(ReservationTable, AnIterationThatMeetsTheNextHasNoPlace) {
  const ReservationTable table(1, /*period=*/8);
  const Usage ends[] = {{.resource = 0, .first = 0}, {.resource = 0, .first = 16}};
  EXPECT_FALSE(table.EarliestFit(ends, 0));
  const Usage fits[] = {{.resource = 0, .first = 0}, {.resource = 0, .first = 15}};
  EXPECT_EQ(table.EarliestFit(fits, 0), 0);
}

}  // namespace
}  // namespace millrace::compiler

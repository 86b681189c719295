#include "base/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace millrace {
namespace {

class TeamOf : public testing::TestWithParam<int> {};

TEST_P(TeamOf, RunsTheWorkOnceOnEveryThread) {
  Team team(GetParam());
  std::vector<int> calls(static_cast<std::size_t>(team.threads()), 0);
  for (int run = 0; run < 1000; ++run) {
    team.Run([&](int thread) { ++calls[static_cast<std::size_t>(thread)]; });
  }
  for (const int count : calls) EXPECT_EQ(count, 1000);
}

TEST_P(TeamOf, MakesWritesBeforeABarrierVisibleAfterIt) {
  Team team(GetParam());
  const auto threads = static_cast<std::size_t>(team.threads());
  std::vector<int> written(threads, 0);
  std::atomic<int> wrong{0};
  team.Run([&](int thread) {
    for (int round = 1; round <= 2000; ++round) {
      written[static_cast<std::size_t>(thread)] = round;
      team.Barrier();
      for (const int value : written) wrong += value != round;
      team.Barrier();
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST_P(TeamOf, WakesAfterAPauseLongEnoughToSleep) {
  Team team(GetParam());
  std::atomic<int> calls{0};
  for (int run = 0; run < 3; ++run) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    team.Run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 3 * team.threads());
}

TEST(Team, DoesNotHideCpusFromTheNextTeam) {
  const int before = AvailableCpus();
  const Team team(2);  // pins this thread to one of them
  EXPECT_EQ(AvailableCpus(), before);
}

INSTANTIATE_TEST_SUITE_P(Threads, TeamOf, testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace millrace

#include "machine/system.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

System Racks() {
  System system;
  system.levels = {{.name = "node", .count = 4, .links_per_peer = 2, .latency_cycles = 10},
                   {.name = "rack", .count = 3, .links_per_peer = 1, .latency_cycles = 20},
                   {.name = "row",
                    .kind = LevelKind::kChain,
                    .count = 2,
                    .links_per_peer = 3,
                    .latency_cycles = 40}};
  return system;
}

TEST(System, EveryLinkComesBackToWhereItBegan) {
  const System system = Racks();
  ASSERT_EQ(system.chips(), 24);
  int connected = 0;
  for (int chip = 0; chip < system.chips(); ++chip) {
    for (int link = 0; link < 14; ++link) {
      const auto end = system.Peer(chip, link);
      if (!end) continue;
      ++connected;
      const auto back = system.Peer(end->chip, end->link);
      ASSERT_TRUE(back);
      EXPECT_EQ(back->chip, chip);
      EXPECT_EQ(back->link, link);
      EXPECT_EQ(back->latency_cycles, end->latency_cycles);
    }
  }
  EXPECT_EQ(connected, 24 * (3 * 2 + 2 + 3));  // a chain of two racks has one neighbour each
}

TEST(System, LinksBetweenAreThoseThatEndThere) {
  const System system = Racks();
  for (int from = 0; from < 24; ++from) {
    for (int to = 0; to < 24; ++to) {
      const auto links = system.LinksBetween(from, to);
      if (!links) continue;
      for (int i = 0; i < links->count; ++i) {
        EXPECT_EQ(system.Peer(from, links->first + i)->chip, to);
      }
    }
  }
  EXPECT_EQ(system.LinksBetween(0, 3)->count, 2);
  EXPECT_EQ(system.LinksBetween(1, 9)->latency_cycles, 20);
  EXPECT_EQ(system.LinksBetween(5, 17)->count, 3);
  EXPECT_FALSE(system.LinksBetween(0, 5));
  EXPECT_FALSE(system.LinksBetween(3, 3));
}

}  // namespace
}  // namespace millrace

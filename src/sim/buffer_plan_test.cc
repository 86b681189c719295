// Buffers that live at the same time have their bytes for themselves; others share them.
#include "sim/buffer_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace millrace::sim {
namespace {

TEST(PlaceBuffers, SharesBytesOnlyAfterADeath) {
  const BufferLife lives[] = {{100, 0, 5}, {100, 5, 6}, {100, 6, 9}, {0, 7, 7}, {200, 8, 8}};
  const BufferPlan plan = PlaceBuffers(lives);
  EXPECT_NE(plan.offsets[0], plan.offsets[1]);  // both need cycle 5
  EXPECT_EQ(plan.offsets[0], plan.offsets[2]);
  EXPECT_EQ(plan.bytes, 128u + 128u + 256u);
}

TEST(PlaceBuffers, GivesNoByteToTwoAtATime) {
  std::mt19937 random(1);
  const auto below = [&](int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random);
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<BufferLife> lives(60);
    std::int64_t birth = 0;
    for (BufferLife& life : lives) {
      birth += below(4);
      life = {static_cast<std::size_t>(below(4)) * 90, birth, birth + below(20)};
    }
    const BufferPlan plan = PlaceBuffers(lives);
    for (std::size_t a = 0; a < lives.size(); ++a) {
      EXPECT_LE(plan.offsets[a] + lives[a].bytes, plan.bytes);
      EXPECT_EQ(plan.offsets[a] % 64, 0u);
      for (std::size_t b = 0; b < a; ++b) {
        if (lives[b].death < lives[a].birth) continue;
        EXPECT_TRUE(plan.offsets[a] + lives[a].bytes <= plan.offsets[b] ||
                    plan.offsets[b] + lives[b].bytes <= plan.offsets[a])
            << a << " and " << b;
      }
    }
  }
}

}  // namespace
}  // namespace millrace::sim

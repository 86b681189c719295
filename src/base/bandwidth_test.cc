#include "base/bandwidth.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace millrace {
namespace {

// Speeds are the machine's affair: what is tested is that they are speeds. No core reads a byte a
// microsecond, none 100 TB/s. That every word is read, once a pass, the measurement itself checks
// by the sum.
void ExpectPlausible(const ReadBandwidth& bandwidth) {
  EXPECT_GT(bandwidth.median_gb_per_s, 0.001);
  EXPECT_LE(bandwidth.median_gb_per_s, bandwidth.best_gb_per_s);
  EXPECT_LT(bandwidth.best_gb_per_s, 100'000);
  EXPECT_GE(bandwidth.passes, 3);
}

TEST(Bandwidth, IsMeasuredForOneThreadAndForTwo) {
  for (const int threads : {1, 2}) {
    Team team(threads);
    const auto bandwidth = MeasureReadBandwidth(team, 1 << 20);
    ASSERT_TRUE(bandwidth.ok());
    ExpectPlausible(*bandwidth);
    EXPECT_EQ(bandwidth->working_set_bytes, std::size_t{1} << 20);
  }
}

TEST(Bandwidth, TheSetIsAWholeNumberOfPagesForEachThread) {
  Team team(3);
  for (const std::size_t bytes : {0u, 1u, 3u * 4096u}) {
    const auto bandwidth = MeasureReadBandwidth(team, bytes);
    ASSERT_TRUE(bandwidth.ok());
    ExpectPlausible(*bandwidth);
    EXPECT_EQ(bandwidth->working_set_bytes, 3u * 4096u);
  }
}

TEST(Bandwidth, ALargeSetMayBeReadInLentMemory) {
  Team team(2);
  const std::vector<std::byte> lent(kLargestOwnSet + (1 << 20), std::byte{7});
  const auto bandwidth = MeasureReadBandwidth(team, lent.size(), lent);
  ASSERT_TRUE(bandwidth.ok());
  ExpectPlausible(*bandwidth);
  EXPECT_EQ(bandwidth->working_set_bytes, lent.size());
}

TEST(Bandwidth, AHugeSetIsCut) {
  Team team(1);
  const auto bandwidth = MeasureReadBandwidth(team, ~std::size_t{0});
  ASSERT_TRUE(bandwidth.ok()) << bandwidth.error().message;
  ExpectPlausible(*bandwidth);
  EXPECT_LE(bandwidth->working_set_bytes, kLargestWorkingSet);
}

}  // namespace
}  // namespace millrace

#include "kernels/cpu_level.h"

#include <gtest/gtest.h>

#include "kernels/kernel_table.h"

namespace millrace {
namespace {

TEST(CpuLevel, PortableIsAlwaysThereAndTheFastestIsTheDefault) {
  EXPECT_EQ(AvailableLevels().front(), CpuLevel::kPortable);
  EXPECT_EQ(*ChooseLevel(""), AvailableLevels().back());
}

TEST(CpuLevel, CanBeForcedByName) {
  for (const CpuLevel level : AvailableLevels()) {
    EXPECT_EQ(*ChooseLevel(Name(level)), level);
    EXPECT_EQ(KernelsFor(level).level, level);
  }
}

TEST(CpuLevel, AnUnknownNameIsAnErrorThatListsTheKnownOnes) {
  const auto level = ChooseLevel("sse9");
  ASSERT_FALSE(level.ok());
  EXPECT_EQ(level.error().message,
            "MILLRACE_CPU=sse9: no such level, wanted portable, avx2, avx512bw, avx512, neon or "
            "neondot");
}

}  // namespace
}  // namespace millrace

#include "compiler/work_memory.h"

#include <gtest/gtest.h>

namespace millrace::compiler {
namespace {

TEST(WorkMemory, WhatIsFreedComesBackTwoSectionsLater) {
  WorkMemory memory(1, 10);
  EXPECT_EQ(memory.Allocate(0, 6), 0);
  EXPECT_FALSE(memory.Allocate(0, 6));
  memory.Free(0, 0, 6);
  memory.BeginSection();
  EXPECT_FALSE(memory.Allocate(0, 6));
  memory.BeginSection();
  EXPECT_EQ(memory.Allocate(0, 10), 0);
  EXPECT_EQ(memory.high_water(0), 10);
}

TEST(WorkMemory, HolesGrowTogether) {
  WorkMemory memory(1, 9);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(memory.Allocate(0, 3), 3 * i);
  memory.Free(0, 0, 3);
  memory.Free(0, 6, 3);
  memory.Free(0, 3, 3);
  memory.BeginSection();
  memory.BeginSection();
  EXPECT_EQ(memory.Allocate(0, 9), 0);
}

TEST(WorkMemory, GroupsAreApart) {
  WorkMemory memory(2, 4);
  EXPECT_EQ(memory.Allocate(0, 4), 0);
  EXPECT_EQ(memory.Allocate(1, 4), 0);
}

}  // namespace
}  // namespace millrace::compiler

#include "numerics/dtype.h"

#include <gtest/gtest.h>

#include "numerics/blocks.h"

namespace millrace {
namespace {

TEST(DType, NamesReadBack) {
  for (const DType dtype : kAllDTypes) EXPECT_EQ(ParseDType(Name(dtype)), dtype) << Name(dtype);
  EXPECT_EQ(ParseDType("q8_0"), std::nullopt);
  EXPECT_EQ(ParseDType(""), std::nullopt);
}

TEST(DType, RowsTakeTheBytesOfTheirBlocks) {
  EXPECT_EQ(RowBytes(DType::kF32, 7), 28u);
  EXPECT_EQ(RowBytes(DType::kF16, 7), 14u);
  EXPECT_EQ(RowBytes(DType::kBF16, 7), 14u);
  EXPECT_EQ(RowBytes(DType::kQ8_0, 64), 68u);
  EXPECT_EQ(RowBytes(DType::kQ4_0, 64), 36u);
  EXPECT_EQ(RowBytes(DType::kQ4_K, 512), 288u);
  EXPECT_EQ(RowBytes(DType::kQ6_K, 512), 420u);
  for (const DType dtype : kAllDTypes) EXPECT_EQ(RowBytes(dtype, 0), 0u);
}

TEST(DType, QuantisedTypesAreThoseWithBlocks) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    EXPECT_FALSE(IsQuantised(dtype));
  }
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
    EXPECT_TRUE(IsQuantised(dtype));
  }
}

TEST(DTypeDeathTest, PartOfABlockIsACheck) {
  EXPECT_DEATH(RowBytes(DType::kQ8_0, 33), "check failed");
}

}  // namespace
}  // namespace millrace

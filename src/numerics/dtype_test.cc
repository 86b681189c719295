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
  EXPECT_EQ(RowBytes(DType::kQ4_1, 64), 40u);
  EXPECT_EQ(RowBytes(DType::kQ5_0, 64), 44u);
  EXPECT_EQ(RowBytes(DType::kQ5_1, 64), 48u);
  EXPECT_EQ(RowBytes(DType::kQ5_K, 512), 352u);
  EXPECT_EQ(RowBytes(DType::kIQ4_NL, 64), 36u);
  EXPECT_EQ(RowBytes(DType::kIQ4_XS, 512), 272u);
  EXPECT_EQ(RowBytes(DType::kMXFP4, 64), 34u);
  EXPECT_EQ(RowBytes(DType::kQ2_K, 512), 168u);
  EXPECT_EQ(RowBytes(DType::kQ3_K, 512), 220u);
  for (const DType dtype : kAllDTypes) EXPECT_EQ(RowBytes(dtype, 0), 0u);
}

TEST(DType, QuantisedTypesAreThoseWithBlocks) {
  for (const DType dtype : kAllDTypes) {
    const bool is_float = dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
    EXPECT_EQ(IsQuantised(dtype), !is_float) << Name(dtype);
  }
}

TEST(DTypeDeathTest, PartOfABlockIsACheck) {
  EXPECT_DEATH(RowBytes(DType::kQ8_0, 33), "check failed");
}

}  // namespace
}  // namespace millrace

// What a tile takes: decode is bound by these bytes. What is in them, kernels_test.cc holds to the
// reference.
#include "kernels/packed_matrix.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(PackedMatrix, TilesTakeAtMost3PercentMoreThanTheRowsOfTheFile) {
  for (const DType dtype : kAllDTypes) {
    for (const std::size_t columns : {256u, 2048u, 11008u}) {
      const auto packed = static_cast<double>(PackedTileBytes(dtype, columns));
      const auto file = static_cast<double>(kTileRows * RowBytes(dtype, columns));
      EXPECT_GE(packed, file) << Name(dtype) << " " << columns;
      EXPECT_LE(packed, 1.03 * file) << Name(dtype) << " " << columns;
    }
  }
}

TEST(PackedMatrix, HeadsAndBlocksBeginOn64Bytes) {
  for (const DType dtype : kAllDTypes) {
    if (!IsQuantised(dtype)) continue;
    EXPECT_EQ(LayoutOf(dtype).head_bytes % 64, 0u) << Name(dtype);
    EXPECT_EQ(LayoutOf(dtype).block_bytes % 64, 0u) << Name(dtype);
    EXPECT_EQ(PackedTileBytes(dtype, 512) % 64, 0u) << Name(dtype);
  }
}

TEST(PackedMatrix, ALastGroupMayHaveFewerBlocks) {
  EXPECT_EQ(PackedTileBytes(DType::kQ8_0, 96), 2u * 64 + 3 * 512);
  EXPECT_EQ(PackedTileBytes(DType::kMXFP4, 2880), 23u * 64 + 90 * 256);
}

}  // namespace
}  // namespace millrace

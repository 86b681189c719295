#include "kernels/dequantise.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "numerics/reference.h"

namespace millrace {
namespace {

TEST(DequantiseRow, GivesTheReferenceForEveryTypeAndAnyBytes) {
  std::mt19937 random(5);
  for (const DType dtype : kAllDTypes) {
    std::vector<std::byte> row(RowBytes(dtype, 1024));
    for (std::byte& byte : row)
      byte = static_cast<std::byte>(random() & 0x3f);  // no NaN, no infinity
    std::vector<float> actual(1024), expected(1024);
    DequantiseRow(dtype, row.data(), actual);
    reference::DequantiseRow(dtype, row.data(), expected);
    EXPECT_EQ(std::memcmp(actual.data(), expected.data(), 1024 * sizeof(float)), 0) << Name(dtype);
  }
}

}  // namespace
}  // namespace millrace

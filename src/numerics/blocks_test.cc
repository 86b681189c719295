// Each accessor of blocks.h reads exactly the bits that the layout gives an element: a block of
// zeros with one element's bits set shows that value there and zero bits everywhere else.
#include "numerics/blocks.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Blocks, Q4_0KeepsElementIAndIPlus16InOneByte) {
  for (int i = 0; i < 32; ++i) {
    BlockQ4_0 block{};
    block.q[i % 16] = i < 16 ? 0x0d : 0xd0;
    for (int j = 0; j < 32; ++j) EXPECT_EQ(ValueQ4_0(block, j), j == i ? 5 : -8) << i << " " << j;
  }
}

TEST(Blocks, Q4_KKeepsTwoSubBlocksInTheNibblesOf32Bytes) {
  for (int i = 0; i < 256; ++i) {
    BlockQ4_K block{};
    const int sub_block = i / 32;
    block.q[sub_block / 2 * 32 + i % 32] = sub_block % 2 == 0 ? 0x0b : 0xb0;
    for (int j = 0; j < 256; ++j) {
      EXPECT_EQ(ValueQ4_K(block, j), j == i ? 11 : 0) << i << " " << j;
    }
  }
}

// Where the six bits of each scale and minimum lie: {byte, shift} of the low four and of the two
// on top, from the description of the format.
struct Bits {
  int low_byte, low_shift, high_byte, high_shift;
};

void ExpectOnlyTheseBits(int s, bool minimum, const Bits& bits) {
  BlockQ4_K block{};
  block.scales[bits.low_byte] = static_cast<std::uint8_t>(15 << bits.low_shift);
  block.scales[bits.high_byte] =
      static_cast<std::uint8_t>(block.scales[bits.high_byte] | 3 << bits.high_shift);
  for (int j = 0; j < 8; ++j) {
    EXPECT_EQ(ScaleMinQ4_K(block, j).scale, j == s && !minimum ? 63 : 0) << s << " " << j;
    EXPECT_EQ(ScaleMinQ4_K(block, j).min, j == s && minimum ? 63 : 0) << s << " " << j;
  }
}

TEST(Blocks, Q4_KPacksEightScalesAndEightMinimaIntoTwelveBytes) {
  for (int s = 0; s < 4; ++s) {
    ExpectOnlyTheseBits(s, /*minimum=*/false, {s, 0, s, 4});
    ExpectOnlyTheseBits(s, /*minimum=*/true, {s + 4, 0, s + 4, 4});
    ExpectOnlyTheseBits(s + 4, /*minimum=*/false, {s + 8, 0, s, 6});
    ExpectOnlyTheseBits(s + 4, /*minimum=*/true, {s + 8, 4, s + 4, 6});
  }
}

TEST(Blocks, Q6_KKeepsFourBitsInLowAndTwoInHigh) {
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
    BlockQ6_K block{};
    block.low[64 * half + (quarter % 2 == 0 ? l : l + 32)] = quarter < 2 ? 0x09 : 0x90;
    block.high[32 * half + l] = static_cast<std::uint8_t>(2 << (2 * quarter));
    for (int j = 0; j < 256; ++j) {
      EXPECT_EQ(ValueQ6_K(block, j), j == i ? (9 | 2 << 4) - 32 : -32) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace millrace

// Each accessor of blocks.h reads exactly the bits that the layout gives an element: a block of
// zeros with one element's bits set shows that value there and zero bits everywhere else.
#include "numerics/blocks.h"

#include <gtest/gtest.h>

#include <cmath>

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

TEST(Blocks, FiveBitsOf32TakeTheirTopFromBitI) {
  for (int i = 0; i < 32; ++i) {
    BlockQ5_0 signed_block{};
    BlockQ5_1 block{};
    signed_block.q[i % 16] = block.q[i % 16] = i < 16 ? 0x06 : 0x60;
    signed_block.high[i / 8] = block.high[i / 8] = static_cast<std::uint8_t>(1 << (i % 8));
    for (int j = 0; j < 32; ++j) {
      EXPECT_EQ(ValueQ5_0(signed_block, j), j == i ? 6 : -16) << i << " " << j;
      EXPECT_EQ(ValueQ5_1(block, j), j == i ? 22 : 0) << i << " " << j;
    }
  }
}

TEST(Blocks, Q4_1AndTheCodebooksKeepElementIAndIPlus16InOneByte) {
  for (int i = 0; i < 32; ++i) {
    BlockQ4_1 linear{};
    BlockIQ4_NL dense{};
    BlockMXFP4 floats{};
    linear.q[i % 16] = dense.q[i % 16] = floats.q[i % 16] = i < 16 ? 0x0e : 0xe0;
    for (int j = 0; j < 32; ++j) {
      EXPECT_EQ(ValueQ4_1(linear, j), j == i ? 14 : 0) << i << " " << j;
      EXPECT_EQ(ValueIQ4_NL(dense, j), j == i ? 89 : -127) << i << " " << j;
      EXPECT_EQ(ValueMXFP4(floats, j), j == i ? -8 : 0) << i << " " << j;
    }
  }
}

// Sign, two bits of exponent with bias 1, one bit of mantissa; exponent 0 is a denormal.
TEST(Blocks, MXFP4HasTheDoubledValuesOfE2M1) {
  for (int code = 0; code < 16; ++code) {
    const int exponent = code >> 1 & 3, mantissa = code & 1;
    const double magnitude =
        exponent == 0 ? mantissa * 0.5 : std::ldexp(1 + mantissa * 0.5, exponent - 1);
    EXPECT_EQ(kCodebookMXFP4[code] / 2.0, code < 8 ? magnitude : -magnitude) << code;
  }
}

TEST(Blocks, MXFP4ScalesByTwoToTheExponentLess128) {
  for (int e = 0; e < 256; ++e) {
    EXPECT_EQ(ScaleMXFP4({static_cast<std::uint8_t>(e), {}}), std::ldexp(1.0, e - 128)) << e;
  }
}

TEST(Blocks, IQ4_XSKeepsA32thInEach16Bytes) {
  for (int i = 0; i < 256; ++i) {
    BlockIQ4_XS block{};
    block.q[i / 32 * 16 + i % 16] = i % 32 < 16 ? 0x03 : 0x30;
    for (int j = 0; j < 256; ++j) {
      EXPECT_EQ(ValueIQ4_XS(block, j), j == i ? -65 : -127) << i << " " << j;
    }
  }
}

TEST(Blocks, IQ4_XSPacksEightScalesIntoNibblesAndPairsOfBits) {
  for (int s = 0; s < 8; ++s) {
    BlockIQ4_XS block{};
    block.scales_low[s / 2] = s % 2 == 0 ? 0x0d : 0xd0;
    block.scales_high = static_cast<std::uint16_t>(2 << (2 * s));
    for (int j = 0; j < 8; ++j) EXPECT_EQ(ScaleIQ4_XS(block, j), j == s ? 13 : -32) << s << j;
  }
}

TEST(Blocks, Q2_KKeepsFourElements32ApartInAByte) {
  for (int i = 0; i < 256; ++i) {
    BlockQ2_K block{};
    const int half = i / 128, quarter = i % 128 / 32;
    block.q[32 * half + i % 32] = static_cast<std::uint8_t>(2 << (2 * quarter));
    for (int j = 0; j < 256; ++j) {
      EXPECT_EQ(ValueQ2_K(block, j), j == i ? 2 : 0) << i << " " << j;
    }
  }
  BlockQ2_K block{};
  block.scales[5] = 0x7c;
  EXPECT_EQ(ScaleMinQ2_K(block, 5).scale, 12);
  EXPECT_EQ(ScaleMinQ2_K(block, 5).min, 7);
}

TEST(Blocks, Q3_KTakesTheThirdBitOfEach32thFromABitOfItsOwn) {
  for (int i = 0; i < 256; ++i) {
    BlockQ3_K block{};
    const int half = i / 128, quarter = i % 128 / 32;
    block.q[32 * half + i % 32] = static_cast<std::uint8_t>(1 << (2 * quarter));
    block.high[i % 32] = static_cast<std::uint8_t>(1 << (4 * half + quarter));
    for (int j = 0; j < 256; ++j) {
      EXPECT_EQ(ValueQ3_K(block, j), j == i ? 1 : -4) << i << " " << j;
    }
  }
}

TEST(Blocks, Q3_KPacksSixteenScalesIntoTwelveBytes) {
  for (int s = 0; s < 16; ++s) {
    BlockQ3_K block{};
    block.scales[s % 8] = s < 8 ? 0x0b : 0xb0;
    block.scales[8 + s % 4] = static_cast<std::uint8_t>(3 << (2 * (s / 4)));
    for (int j = 0; j < 16; ++j) {
      EXPECT_EQ(ScaleQ3_K(block, j), j == s ? (11 | 3 << 4) - 32 : -32) << s << " " << j;
    }
  }
}

TEST(Blocks, Q5_KTakesTheFifthBitOfEach32thFromABitOfItsOwn) {
  for (int i = 0; i < 256; ++i) {
    BlockQ5_K block{};
    const int sub_block = i / 32;
    block.q[sub_block / 2 * 32 + i % 32] = sub_block % 2 == 0 ? 0x0b : 0xb0;
    block.high[i % 32] = static_cast<std::uint8_t>(1 << sub_block);
    for (int j = 0; j < 256; ++j) {
      EXPECT_EQ(ValueQ5_K(block, j), j == i ? 27 : 0) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace millrace

// Every level that this machine can run gives the bits of the reference, operation by operation.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kernels/kernel_table.h"
#include "numerics/blocks.h"
#include "numerics/elementary.h"
#include "numerics/half.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

class Kernels : public testing::TestWithParam<CpuLevel> {
 protected:
  const KernelTable& table() const { return KernelsFor(GetParam()); }

  // Magnitudes over many binades, zeros, and now and then an outlier.
  std::vector<float> RandomVector(std::size_t n, float scale = 1.0f) {
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> x(n);
    for (float& value : x) {
      value = normal(random_);
      if (random_() % 29 == 0) value *= 1e4f;
      if (random_() % 31 == 0) value = 0.0f;
    }
    return x;
  }

  std::mt19937 random_{20201111};
};

void ExpectSameBits(const float* actual, const float* expected, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_EQ(std::memcmp(actual + i, expected + i, sizeof(float)), 0)
        << "at " << i << ": " << actual[i] << ", reference " << expected[i];
  }
}

Half RandomScale(std::mt19937& random) {
  return FloatToHalf(std::ldexp(static_cast<float>(random() % 2048) / 1024.0f - 1.0f,
                                -static_cast<int>(random() % 12)));
}

// Random blocks of any type: every bit pattern of the quants, sane scales.
std::vector<std::byte> RandomRows(DType dtype, std::size_t rows, std::size_t columns,
                                  std::mt19937& random) {
  std::vector<std::byte> bytes(rows * RowBytes(dtype, columns));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const std::size_t block_bytes = BlockBytes(dtype);
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
    std::byte* block = bytes.data() + at;
    const Half d = RandomScale(random), dmin = RandomScale(random);
    const float f = HalfToFloat(d);
    const BFloat bf = FloatToBFloat(f);
    const std::byte exponent{static_cast<std::uint8_t>(115 + random() % 12)};
    switch (dtype) {
      case DType::kF32:
        std::memcpy(block, &f, 4);
        break;
      case DType::kBF16:
        std::memcpy(block, &bf, 2);
        break;
      case DType::kF16:
      case DType::kQ8_0:
      case DType::kQ4_0:
      case DType::kQ5_0:
      case DType::kIQ4_NL:
      case DType::kIQ4_XS:
        std::memcpy(block, &d, 2);
        break;
      case DType::kQ4_1:
      case DType::kQ5_1:
      case DType::kQ4_K:
      case DType::kQ5_K:
        std::memcpy(block, &d, 2);
        std::memcpy(block + 2, &dmin, 2);
        break;
      case DType::kMXFP4:
        block[0] = exponent;
        break;
      case DType::kQ2_K:
        std::memcpy(block + offsetof(BlockQ2_K, d), &d, 2);
        std::memcpy(block + offsetof(BlockQ2_K, dmin), &dmin, 2);
        break;
      case DType::kQ3_K:
        std::memcpy(block + offsetof(BlockQ3_K, d), &d, 2);
        break;
      case DType::kQ6_K:
        std::memcpy(block + offsetof(BlockQ6_K, d), &d, 2);
        break;
    }
  }
  return bytes;
}

// Sets every byte of the blocks but those of d, m, dmin and e.
void FillAllButScales(DType dtype, std::vector<std::byte>& rows, std::byte value) {
  std::size_t begin = 0, end = 2;
  if (dtype == DType::kMXFP4) end = 1;
  if (dtype == DType::kQ4_1 || dtype == DType::kQ5_1) end = 4;
  if (dtype == DType::kQ4_K || dtype == DType::kQ5_K) end = 4;
  if (dtype == DType::kQ2_K) begin = offsetof(BlockQ2_K, d), end = begin + 4;
  if (dtype == DType::kQ3_K) begin = offsetof(BlockQ3_K, d), end = begin + 2;
  if (dtype == DType::kQ6_K) begin = offsetof(BlockQ6_K, d), end = begin + 2;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t at = i % BlockBytes(dtype);
    if (at < begin || at >= end) rows[i] = value;
  }
}

// 64-byte aligned storage for packed weights and cache blocks.
struct AlignedBytes {
  explicit AlignedBytes(std::size_t size)
      : data(static_cast<std::byte*>(std::aligned_alloc(64, (size + 63) / 64 * 64)), std::free) {
    std::memset(data.get(), 0, (size + 63) / 64 * 64);
  }
  std::unique_ptr<std::byte, decltype(&std::free)> data;
};

struct PackedRows {
  PackedRows(DType dtype, ByteForm form, std::size_t rows, std::size_t columns,
             const std::byte* file)
      : matrix{.dtype = dtype, .rows = rows, .columns = columns, .data = nullptr},
        storage(matrix.bytes()) {
    matrix.data = storage.data.get();
    for (std::size_t tile = 0; tile < matrix.tiles(); ++tile) {
      const std::byte* pointers[kTileRows] = {};
      for (std::size_t r = 0; r < kTileRows && tile * kTileRows + r < rows; ++r) {
        pointers[r] = file + (tile * kTileRows + r) * RowBytes(dtype, columns);
      }
      PackTile(dtype, form, columns, pointers, storage.data.get() + tile * matrix.tile_bytes());
    }
  }
  PackedMatrix matrix;
  AlignedBytes storage;
};

TEST_P(Kernels, LinearOfEveryTypeAndAnyNumberOfTokens) {
  constexpr std::size_t kRows = 53, kPaddedRows = 64;
  for (const DType dtype : kAllDTypes) {
    for (const std::size_t columns : {256u, 768u, 288u}) {
      if (columns % BlockElements(dtype) != 0) continue;
      const auto file = RandomRows(dtype, kRows, columns, random_);
      const PackedRows packed(dtype, table().byte_form, kRows, columns, file.data());
      for (const std::size_t tokens : {1u, 2u, 3u, 7u, 8u, 13u}) {
        SCOPED_TRACE(testing::Message() << Name(dtype) << " " << columns << " x " << tokens);
        const std::vector<float> x = RandomVector(tokens * columns);
        std::vector<ActivationBlock> blocks(tokens * columns / 32);
        std::vector<float> rounded(x);
        table().quantise(x.data(), x.size(), blocks.data());
        if (dtype == DType::kF16) table().round_half(x.data(), x.size(), rounded.data());
        if (dtype == DType::kBF16) table().round_bfloat(x.data(), x.size(), rounded.data());
        std::vector<float> y(tokens * kPaddedRows, -1.0f), expected(kRows);
        table().linear(packed.matrix, 0, packed.matrix.tiles(),
                       {blocks.data(), columns / 32, rounded.data(), columns}, tokens, y.data(),
                       kPaddedRows);
        for (std::size_t t = 0; t < tokens; ++t) {
          reference::Linear(dtype, file.data(), std::span(x).subspan(t * columns, columns),
                            expected);
          ExpectSameBits(y.data() + t * kPaddedRows, expected.data(), kRows);
        }
      }
    }
  }
}

TEST_P(Kernels, LinearGoesOnFromTheSumsOfTheColumnsBefore) {
  constexpr std::size_t kRows = 32, kColumns = 768, kFirst = 256;
  for (const DType dtype : kAllDTypes) {
    const auto file = RandomRows(dtype, kRows, kColumns, random_);
    const std::vector<float> x = RandomVector(kColumns);
    std::vector<ActivationBlock> blocks(kColumns / 32);
    std::vector<float> rounded(x), y(kRows, -1.0f), expected(kRows);
    table().quantise(x.data(), x.size(), blocks.data());
    if (dtype == DType::kF16) table().round_half(x.data(), x.size(), rounded.data());
    if (dtype == DType::kBF16) table().round_bfloat(x.data(), x.size(), rounded.data());
    for (const auto& [begin, end] : {std::pair{std::size_t{0}, kFirst}, {kFirst, kColumns}}) {
      std::vector<std::byte> part;
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::byte* row = file.data() + r * RowBytes(dtype, kColumns);
        part.insert(part.end(), row + RowBytes(dtype, begin), row + RowBytes(dtype, end));
      }
      const PackedRows packed(dtype, table().byte_form, kRows, end - begin, part.data());
      table().linear(packed.matrix, 0, packed.matrix.tiles(),
                     {.blocks = blocks.data() + begin / 32,
                      .block_stride = blocks.size(),
                      .values = rounded.data() + begin,
                      .value_stride = rounded.size(),
                      .continues = begin != 0},
                     1, y.data(), kRows);
    }
    reference::Linear(dtype, file.data(), x, expected);
    ExpectSameBits(y.data(), expected.data(), kRows);
  }
}

TEST_P(Kernels, LinearAtTheLargestIntegers) {
  // All weights and activations at their extremes: the integer dots reach the bounds that the SIMD
  // forms rely on.
  for (const DType dtype : kAllDTypes) {
    if (!IsQuantised(dtype)) continue;
    for (const int pattern : {0x00, 0x77, 0x7f, 0x80, 0x88, 0xff}) {
      std::vector<std::byte> file = RandomRows(dtype, 16, 256, random_);
      FillAllButScales(dtype, file, static_cast<std::byte>(pattern));
      const PackedRows packed(dtype, table().byte_form, 16, 256, file.data());
      for (const float sign : {1.0f, -1.0f}) {
        for (const std::size_t tokens : {1u, 8u}) {
          const std::vector<float> x(256 * tokens, sign * 3.5f);
          std::vector<ActivationBlock> blocks(8 * tokens);
          table().quantise(x.data(), x.size(), blocks.data());
          std::vector<float> y(16 * tokens), expected(16);
          table().linear(packed.matrix, 0, 1, {blocks.data(), 8, nullptr, 0}, tokens, y.data(), 16);
          reference::Linear(dtype, file.data(), std::span(x).first(256), expected);
          SCOPED_TRACE(testing::Message() << Name(dtype) << " pattern " << pattern);
          for (std::size_t t = 0; t < tokens; ++t)
            ExpectSameBits(y.data() + 16 * t, expected.data(), 16);
        }
      }
    }
  }
}

TEST_P(Kernels, LinearOfMxfp4WithEveryExponent) {
  constexpr std::size_t kRows = 256;
  std::vector<std::byte> file(kRows * 2 * sizeof(BlockMXFP4));
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(random_());
  for (std::size_t r = 0; r < kRows; ++r) {
    file[2 * r * sizeof(BlockMXFP4)] = static_cast<std::byte>(r);
    file[(2 * r + 1) * sizeof(BlockMXFP4)] = static_cast<std::byte>(255 - r);
  }
  const PackedRows packed(DType::kMXFP4, table().byte_form, kRows, 64, file.data());
  const std::vector<float> x = RandomVector(64, 1e-3f);
  ActivationBlock blocks[2];
  table().quantise(x.data(), x.size(), blocks);
  std::vector<float> y(kRows), expected(kRows);
  table().linear(packed.matrix, 0, packed.matrix.tiles(), {blocks, 2, nullptr, 0}, 1, y.data(),
                 kRows);
  reference::Linear(DType::kMXFP4, file.data(), x, expected);
  ExpectSameBits(y.data(), expected.data(), kRows);
}

TEST_P(Kernels, QuantiseOfRandomAndEdgeBlocks) {
  std::vector<float> x = RandomVector(32 * 200);
  for (std::size_t i = 0; i < 32; ++i) {
    x[i] = 0.0f;                                                      // a zero block
    x[32 + i] = 1e-40f;                                               // a denormal one
    x[64 + i] = static_cast<float>(static_cast<int>(i) - 16) + 0.5f;  // ties when amax is 127
    x[96 + i] = i == 3 ? std::nanf("") : 1.0f;
    x[128 + i] = 3e38f;
  }
  x[64] = 127.0f;
  std::vector<ActivationBlock> blocks(x.size() / 32);
  table().quantise(x.data(), x.size(), blocks.data());
  const auto expected = reference::Quantise(x);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    EXPECT_EQ(std::memcmp(&blocks[b], &expected[b], sizeof(ActivationBlock)), 0) << "block " << b;
  }
}

TEST_P(Kernels, RowOperations) {
  for (const std::size_t n : {16u, 48u, 64u, 50u, 7u, 288u, 2048u}) {
    SCOPED_TRACE(n);
    const auto x = RandomVector(n), w = RandomVector(n);
    std::vector<float> y(n), expected(n);

    table().rms_norm(x.data(), w.data(), 1e-5f, n, y.data());
    reference::RmsNorm(x, w, 1e-5f, expected);
    ExpectSameBits(y.data(), expected.data(), n);

    table().silu_mul(x.data(), w.data(), n, y.data());
    reference::SiluMul(x, w, expected);
    ExpectSameBits(y.data(), expected.data(), n);

    table().add(x.data(), w.data(), n, y.data());
    for (std::size_t i = 0; i < n; ++i) expected[i] = x[i] + w[i];
    ExpectSameBits(y.data(), expected.data(), n);

    table().round_half(x.data(), n, y.data());
    for (std::size_t i = 0; i < n; ++i) expected[i] = RoundToHalf(x[i]);
    ExpectSameBits(y.data(), expected.data(), n);

    table().round_bfloat(x.data(), n, y.data());
    for (std::size_t i = 0; i < n; ++i) expected[i] = RoundToBFloat(x[i]);
    ExpectSameBits(y.data(), expected.data(), n);
  }
}

TEST_P(Kernels, HalvesAndTheFactorOfANorm) {
  for (const std::size_t n : {16u, 48u, 50u, 7u, 288u}) {
    SCOPED_TRACE(n);
    const auto x = RandomVector(n);
    std::vector<Half> halves(n + 1, 0x1234);
    table().to_half(x.data(), n, halves.data());
    std::vector<float> back(n + 1, 3.0f);
    table().from_half(halves.data(), n, back.data());
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(halves[i], FloatToHalf(x[i]));
      EXPECT_EQ(back[i], HalfToFloat(halves[i]));
    }
    EXPECT_EQ(halves[n], 0x1234);  // nothing past the end
    EXPECT_EQ(back[n], 3.0f);
    const float mean = reference::SumOfSquares(x) / static_cast<float>(n);
    const float expected = 1.0f / std::sqrt(mean + 1e-5f);
    const float factor = table().inverse_rms(x.data(), 1e-5f, n);
    ExpectSameBits(&factor, &expected, 1);
  }
}

// Against the contract's text, position by position (docs/numerics.md, "Attention").
TEST_P(Kernels, ScoresBecomeProbabilitiesInHalves) {
  for (const auto& [begin, end] : {std::pair{0u, 64u}, {0u, 1u}, {5u, 37u}, {48u, 63u}}) {
    for (const float cap : {0.0f, 30.0f}) {
      SCOPED_TRACE(fmt::format("[{}, {}) cap {}", begin, end, cap));
      alignas(64) float scores[kKvBlock];
      std::ranges::copy(RandomVector(kKvBlock), scores);
      float p[kKvBlock] = {}, max = 0.25f, sum = 1.5f, new_max = max;
      for (std::size_t i = begin; i < end; ++i) {
        p[i] = cap == 0 ? scores[i] : cap * Tanh(scores[i] / cap);
        new_max = std::max(new_max, p[i]);
      }
      for (std::size_t i = begin; i < end; ++i) p[i] = RoundToHalf(Exp(p[i] - new_max));
      const float correction = Exp(max - new_max);
      const float new_sum = std::fma(sum, correction, reference::Sum(p));

      const float shrinks = table().softmax_half(scores, begin, end, cap, max, sum);
      ExpectSameBits(&shrinks, &correction, 1);
      ExpectSameBits(&max, &new_max, 1);
      ExpectSameBits(&sum, &new_sum, 1);
      const std::size_t first = begin / 16 * 16, last = (end + 15) / 16 * 16;
      ExpectSameBits(scores + first, p + first, last - first);
    }
  }
}

TEST_P(Kernels, RopeRotatesPairs) {
  for (const std::size_t rotary : {32u, 48u, 24u, 64u, 128u}) {
    const auto angles = RandomVector(rotary / 2);
    std::vector<float> cosine(rotary / 2), sine(rotary / 2), cosines(rotary), sines(rotary);
    for (std::size_t i = 0; i < rotary / 2; ++i) {
      cosine[i] = std::cos(angles[i]);
      sine[i] = std::sin(angles[i]);
      cosines[2 * i] = cosines[2 * i + 1] = cosine[i];
      sines[2 * i] = -sine[i];
      sines[2 * i + 1] = sine[i];
    }
    auto head = RandomVector(rotary);
    auto expected = head;
    table().rope(head.data(), cosines.data(), sines.data(), rotary);
    reference::Rope(cosine, sine, expected);
    ExpectSameBits(head.data(), expected.data(), rotary);
  }
}

TEST_P(Kernels, SiluOverAllMagnitudes) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 0x1357u) {
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    x.push_back(value);
    x.push_back(-value);
  }
  const std::vector<float> ones(x.size(), 1.0f);
  std::vector<float> y(x.size()), expected(x.size());
  table().silu_mul(x.data(), ones.data(), x.size(), y.data());
  reference::SiluMul(x, ones, expected);
  ExpectSameBits(y.data(), expected.data(), x.size());
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, Kernels, testing::ValuesIn(AvailableLevels()),
                         [](const auto& level) { return std::string(Name(level.param)); });

}  // namespace
}  // namespace millrace

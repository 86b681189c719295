#include "golden_weights.h"

#include <cstring>
#include <random>

#include "numerics/blocks.h"
#include "numerics/half.h"

namespace millrace {
namespace {

// The generator's numbers are the standard's; its distributions would not be.
using Random = std::mt19937;

// +- unit * [1, 2), exact in binary16 and bfloat16.
float Scale(float unit, Random& random) {
  const auto bits = static_cast<std::uint32_t>(random());
  const float magnitude = unit * static_cast<float>(64 + bits % 64) / 64.0f;
  return bits >> 31 != 0 ? -magnitude : magnitude;
}

void PutHalf(std::byte* block, std::size_t offset, float unit, Random& random) {
  const Half half = FloatToHalf(Scale(unit, random));
  std::memcpy(block + offset, &half, sizeof(half));
}

// Replaces the scales of a block of random bytes by sane ones.
void PutScales(DType dtype, std::byte* block, Random& random) {
  switch (dtype) {
    case DType::kF32: {
      const float value = Scale(0x1p-4f, random);
      std::memcpy(block, &value, sizeof(value));
      return;
    }
    case DType::kBF16: {
      const BFloat value = FloatToBFloat(Scale(0x1p-4f, random));
      std::memcpy(block, &value, sizeof(value));
      return;
    }
    case DType::kF16:
      return PutHalf(block, 0, 0x1p-4f, random);
    case DType::kQ8_0:
      return PutHalf(block, offsetof(BlockQ8_0, d), 0x1p-10f, random);
    case DType::kQ4_0:
      return PutHalf(block, offsetof(BlockQ4_0, d), 0x1p-6f, random);
    case DType::kQ4_1:
      PutHalf(block, offsetof(BlockQ4_1, d), 0x1p-6f, random);
      return PutHalf(block, offsetof(BlockQ4_1, m), 0x1p-4f, random);
    case DType::kQ5_0:
      return PutHalf(block, offsetof(BlockQ5_0, d), 0x1p-7f, random);
    case DType::kQ5_1:
      PutHalf(block, offsetof(BlockQ5_1, d), 0x1p-7f, random);
      return PutHalf(block, offsetof(BlockQ5_1, m), 0x1p-4f, random);
    case DType::kIQ4_NL:
      return PutHalf(block, offsetof(BlockIQ4_NL, d), 0x1p-10f, random);
    case DType::kIQ4_XS:
      return PutHalf(block, offsetof(BlockIQ4_XS, d), 0x1p-15f, random);
    case DType::kMXFP4:
      block[offsetof(BlockMXFP4, e)] = static_cast<std::byte>(121 + random() % 2);
      return;
    case DType::kQ2_K:
      PutHalf(block, offsetof(BlockQ2_K, d), 0x1p-8f, random);
      return PutHalf(block, offsetof(BlockQ2_K, dmin), 0x1p-8f, random);
    case DType::kQ3_K:
      return PutHalf(block, offsetof(BlockQ3_K, d), 0x1p-10f, random);
    case DType::kQ4_K:
      PutHalf(block, offsetof(BlockQ4_K, d), 0x1p-13f, random);
      return PutHalf(block, offsetof(BlockQ4_K, dmin), 0x1p-10f, random);
    case DType::kQ5_K:
      PutHalf(block, offsetof(BlockQ5_K, d), 0x1p-14f, random);
      return PutHalf(block, offsetof(BlockQ5_K, dmin), 0x1p-10f, random);
    case DType::kQ6_K:
      return PutHalf(block, offsetof(BlockQ6_K, d), 0x1p-15f, random);
  }
}

}  // namespace

std::vector<std::byte> GoldenWeight(const Weight& weight, std::size_t index) {
  Random random(static_cast<std::uint32_t>(index));
  std::vector<std::byte> bytes(static_cast<std::size_t>(weight.rows) *
                               RowBytes(weight.dtype, static_cast<std::size_t>(weight.columns)));
  const bool norm = weight.name.find("norm") != std::string::npos;
  const std::size_t block_bytes = BlockBytes(weight.dtype);
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
    for (std::size_t i = 0; i < block_bytes; ++i) {
      bytes[at + i] = static_cast<std::byte>(random() >> 24);
    }
    PutScales(weight.dtype, bytes.data() + at, random);
    if (norm) {
      float value;
      std::memcpy(&value, bytes.data() + at, sizeof(value));
      value += 1.0f;
      std::memcpy(bytes.data() + at, &value, sizeof(value));
    }
  }
  return bytes;
}

}  // namespace millrace

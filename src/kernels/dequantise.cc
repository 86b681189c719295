#include "kernels/dequantise.h"

#include <cstring>

#include "numerics/blocks.h"

namespace millrace {
namespace {

// Calls function(block, out of that block) for every block of the row.
template <typename Block, std::size_t kElements, typename Function>
void ForEachBlock(const std::byte* row, std::span<float> out, Function function) {
  for (std::size_t at = 0; at < out.size(); at += kElements, row += sizeof(Block)) {
    Block block;
    std::memcpy(&block, row, sizeof(Block));
    function(block, out.data() + at);
  }
}

void Q4_K(const BlockQ4_K& block, float* out) {
  const float d = HalfToFloat(block.d), dmin = HalfToFloat(block.dmin);
  for (int s = 0; s < 8; ++s) {
    const ScaleMin scale_min = ScaleMinQ4_K(block, s);
    const float scale = d * static_cast<float>(scale_min.scale),
                min = dmin * static_cast<float>(scale_min.min);
    for (int i = 32 * s; i < 32 * s + 32; ++i)
      out[i] = scale * static_cast<float>(ValueQ4_K(block, i)) - min;
  }
}

}  // namespace

void DequantiseRow(DType dtype, const std::byte* row, std::span<float> out) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out.data(), row, out.size_bytes());
      return;
    case DType::kF16:
      return ForEachBlock<Half, 1>(row, out, [](Half half, float* to) { *to = HalfToFloat(half); });
    case DType::kBF16:
      return ForEachBlock<BFloat, 1>(row, out,
                                     [](BFloat bfloat, float* to) { *to = BFloatToFloat(bfloat); });
    case DType::kQ8_0:
      return ForEachBlock<BlockQ8_0, 32>(row, out, [](const BlockQ8_0& block, float* to) {
        const float d = HalfToFloat(block.d);
        for (int i = 0; i < 32; ++i) to[i] = d * static_cast<float>(block.q[i]);
      });
    case DType::kQ4_0:
      return ForEachBlock<BlockQ4_0, 32>(row, out, [](const BlockQ4_0& block, float* to) {
        const float d = HalfToFloat(block.d);
        for (int i = 0; i < 32; ++i) to[i] = d * static_cast<float>(ValueQ4_0(block, i));
      });
    case DType::kQ4_K:
      return ForEachBlock<BlockQ4_K, 256>(row, out, Q4_K);
    case DType::kQ6_K:
      return ForEachBlock<BlockQ6_K, 256>(row, out, [](const BlockQ6_K& block, float* to) {
        const float d = HalfToFloat(block.d);
        for (int i = 0; i < 256; ++i) {
          to[i] = d * static_cast<float>(block.scales[i / 16] * ValueQ6_K(block, i));
        }
      });
  }
}

}  // namespace millrace

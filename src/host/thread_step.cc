#include "host/thread_step.h"

#include <algorithm>
#include <cstring>

namespace millrace {

void ThreadStep::Linear(const PackedRows& rows, const PreparedInput& input, std::size_t count,
                        float* y, std::size_t stride, std::size_t first) const {
  kernels.linear(rows.packed, 0, rows.packed.tiles(), input.For(rows.packed.dtype, first), count, y,
                 stride);
  if (!rows.bias) return;
  const float* bias = plan.vector(*rows.bias) + rows.first_bias;
  for (std::size_t t = 0; t < count; ++t) {
    kernels.add(y + t * stride, bias, rows.packed.rows, y + t * stride);
  }
}

void ThreadStep::LinearInto(const PackedRows& rows, const PreparedInput& input, float* matrix,
                            std::size_t width, std::size_t first_column) const {
  if (rows.packed.rows % kTileRows == 0) {  // no padding that would fall on others' columns
    return Linear(rows, input, tokens, matrix + first_column, width);
  }
  constexpr std::size_t kPanelTiles = kFfnPanelRows / kTileRows;
  const LinearInput x = input.For(rows.packed.dtype);
  for (std::size_t tile = 0; tile < rows.packed.tiles(); tile += kPanelTiles) {
    const std::size_t end = std::min(tile + kPanelTiles, rows.packed.tiles());
    kernels.linear(rows.packed, tile, end, x, tokens, own.product, kFfnPanelRows);
    const std::size_t begin = tile * kTileRows;
    const std::size_t count = std::min(end * kTileRows, rows.packed.rows) - begin;
    for (std::size_t t = 0; t < tokens; ++t) {
      float* to = matrix + t * width + first_column + begin;
      const float* product = own.product + t * kFfnPanelRows;
      if (rows.bias) {
        kernels.add(product, plan.vector(*rows.bias) + rows.first_bias + begin, count, to);
      } else {
        std::memcpy(to, product, count * sizeof(float));
      }
    }
  }
}

void ThreadStep::Rotate(const Rope& rope, std::size_t position, float* head) const {
  const ExpandedRope& expanded = plan.rope(rope);
  const float* cosines = expanded.cosines + position * expanded.rotary;
  const float* sines = expanded.sines + position * expanded.rotary;
  const auto rotate = rope.pairs == RopePairs::kAdjacent ? kernels.rope : kernels.rope_halves;
  rotate(head + rope.first, cosines, sines, expanded.rotary);
}

void ThreadStep::AddBranch(const std::optional<Norm>& post_norm, const float* branch,
                           float* residual) const {
  if (post_norm) {
    kernels.rms_norm(branch, plan.vector(post_norm->weight), post_norm->eps, shape.hidden,
                     own.normed);
    branch = own.normed;
  }
  kernels.add(residual, branch, shape.hidden, residual);
}

}  // namespace millrace

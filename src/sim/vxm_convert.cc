// Conversions to what matrix planes take, and the rotation of heads.
#include <algorithm>
#include <vector>

#include "numerics/half.h"
#include "numerics/reference.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

// The first vector: int8, the second: a binary32 scale for every block of 32.
void StepQuantise(const VxmStep& step) {
  std::vector<float> padded(step.a.begin(), step.a.begin() + static_cast<std::ptrdiff_t>(step.n));
  padded.resize((step.n + kActivationBlock - 1) / kActivationBlock * kActivationBlock);
  const std::vector<ActivationBlock> blocks = reference::Quantise(padded);
  const auto vector_bytes = static_cast<std::size_t>(step.work.vector_bytes);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    std::memcpy(step.out.data() + b * kActivationBlock, blocks[b].q, sizeof(blocks[b].q));
    std::memcpy(step.out.data() + vector_bytes + b * sizeof(float), &blocks[b].d, sizeof(float));
  }
}

}  // namespace

void StepConversion(const VxmStep& step) {
  const isa::Vxm& vxm = *step.work.vxm;
  if (vxm.op == isa::VxmOp::kQuantise) return StepQuantise(step);
  for (std::size_t i = 0; i < step.n; ++i) {
    const float scaled = step.a[i] * vxm.x;
    const std::uint16_t bits =
        vxm.op == isa::VxmOp::kToF16 ? FloatToHalf(scaled) : FloatToBFloat(scaled);
    std::memcpy(step.out.data() + i * sizeof(bits), &bits, sizeof(bits));
  }
}

void StepRope(const VxmStep& step) {
  const isa::Vxm& vxm = *step.work.vxm;
  StoreFloats(step.a.first(step.n), step.out);
  if (step.n == 0) return;
  const std::size_t pairs = vxm.pairs;
  const std::span<float> turned(reinterpret_cast<float*>(step.out.data()) + vxm.first, 2 * pairs);
  const auto cosines = step.b.first(pairs), sines = step.b.subspan(pairs, pairs);
  if (vxm.turned == isa::TurnedPairs::kAdjacent) reference::Rope(cosines, sines, turned);
  if (vxm.turned == isa::TurnedPairs::kHalves) reference::RopeHalves(cosines, sines, turned);
}

}  // namespace millrace::sim

// The operations of the VXM that take time, with kernels: the same bits (kernels/kernel_table.h).
#include <algorithm>
#include <cstring>

#include "sim/fast_run.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

void Quantise(const KernelTable& kernels, const VxmStep& step) {
  float padded[1024];
  ActivationBlock blocks[1024 / kActivationBlock];
  const std::size_t n = (step.n + kActivationBlock - 1) / kActivationBlock * kActivationBlock;
  if (n > std::size(padded)) return StepConversion(step);
  std::copy_n(step.a.begin(), step.n, padded);
  std::fill(padded + step.n, padded + n, 0.0f);
  kernels.quantise(padded, n, blocks);
  for (std::size_t b = 0; b < n / kActivationBlock; ++b) {
    std::memcpy(step.out.data() + b * kActivationBlock, blocks[b].q, sizeof(blocks[b].q));
    std::memcpy(step.out.data() + step.work.vector_bytes + b * sizeof(float), &blocks[b].d,
                sizeof(float));
  }
}

}  // namespace

void StepVxmFast(const KernelTable& kernels, VxmWork& work, std::int64_t step,
                 std::span<const float> a, std::span<const float> b, std::span<std::byte> out) {
  using isa::VxmOp;
  const std::size_t n = StepElements(*work.vxm, step);
  float* y = reinterpret_cast<float*>(out.data());
  switch (work.vxm->op) {
    case VxmOp::kAdd:
      return kernels.add(a.data(), b.data(), n, y);
    case VxmOp::kSoftcap:
      return kernels.softcap(a.data(), work.vxm->x, n, y);
    case VxmOp::kSiluMul:
      return kernels.silu_mul(a.data(), b.data(), n, y);
    case VxmOp::kGeluMul:
      return kernels.gelu_mul(a.data(), b.data(), n, y);
    case VxmOp::kClampedMul:
      return kernels.clamped_swiglu_mul(a.data(), b.data(), n, y);
    case VxmOp::kQuantise:
      return Quantise(kernels, {work, step, n, a, b, out});
    case VxmOp::kCopy:
    case VxmOp::kScale:
    case VxmOp::kScaledAdd:
    case VxmOp::kSumSquares:
    case VxmOp::kNormalise:
    case VxmOp::kMultiplyRuns:
    case VxmOp::kToF16:
    case VxmOp::kToBF16:
    case VxmOp::kRope:
    case VxmOp::kSoftmaxBegin:
    case VxmOp::kSoftmaxStep:
    case VxmOp::kSoftmaxEnd:
    case VxmOp::kRoute:
    case VxmOp::kDot:
      return StepVxm(work, step, a, b, out);
  }
}

}  // namespace millrace::sim

#include "isa/timing.h"

#include "base/ceil_div.h"
#include "base/check.h"

namespace millrace::isa {
namespace {

// Operations of one step on each lane, all in one chain: `alu` simple ones and `divides`. The
// counts of exp, tanh are those of numerics/elementary.cc.
struct Work {
  std::int32_t alu = 0;
  std::int32_t divides = 0;
};

constexpr std::int32_t kExp = 12;         // range reduction 3, polynomial 7, scaling 2
constexpr std::int32_t kTanh = kExp + 6;  // one exp, one division, a polynomial near 0 beside it
constexpr std::int32_t kTreeOf16 = 4, kTreeOf32 = 5, kTreeOf64 = 6;
constexpr std::int32_t kKvFold = 64 / 16;
constexpr std::int32_t kDivideSlots = 4;  // ALU slots that one division takes

Work WorkOf(VxmOp op) {
  switch (op) {
    case VxmOp::kCopy:
    case VxmOp::kAdd:
    case VxmOp::kScale:
    case VxmOp::kScaledAdd:
    case VxmOp::kMultiplyRuns:
    case VxmOp::kDot:
      return {1, 0};
    case VxmOp::kNormalise:
    case VxmOp::kToF16:
    case VxmOp::kToBF16:
      return {2, 0};
    case VxmOp::kSoftcap:
      return {kTanh + 1, 2};
    case VxmOp::kSiluMul:
      return {kExp + 3, 1};
    case VxmOp::kGeluMul:
      return {kTanh + 6, 1};
    case VxmOp::kClampedMul:
      return {kExp + 8, 1};
    case VxmOp::kSumSquares:
      return {1, 0};
    case VxmOp::kQuantise:
      return {1 + kTreeOf32 + 4, 2};
    case VxmOp::kRope:
      return {4, 0};
    case VxmOp::kSoftmaxBegin:
      return {1, 0};
    case VxmOp::kSoftmaxStep:
      return {kTreeOf64 + 2 + kExp + 2, 0};
    case VxmOp::kSoftmaxEnd:
      return {0, 1};
    case VxmOp::kRoute:
      return {kExp + 2 * kTreeOf64, 2};
  }
  MILLRACE_CHECK(false);
}

std::int32_t Superlanes(const Chip& chip) { return chip.vector_bytes / chip.superlane_bytes; }

StepTiming SumSquaresTiming(const Chip& chip, const Vxm& vxm) {
  const bool runs_stay_in_steps = vxm.run <= vxm.step_elements && vxm.step_elements % vxm.run == 0;
  const std::int32_t fold = Superlanes(chip) * chip.vxm.fold_cycles;
  return {runs_stay_in_steps ? 1 : fold, fold + (kTreeOf16 + 2) * chip.vxm.alu_latency_cycles +
                                             3 * chip.vxm.divide_latency_cycles};
}

}  // namespace

StepTiming VxmTiming(const Chip& chip, const Vxm& vxm) {
  if (vxm.op == VxmOp::kSumSquares) return SumSquaresTiming(chip, vxm);
  const Work work = WorkOf(vxm.op);
  StepTiming timing;
  timing.interval_cycles = CeilDiv(work.alu + kDivideSlots * work.divides, chip.vxm.alus_per_chain);
  timing.latency_cycles =
      work.alu * chip.vxm.alu_latency_cycles + work.divides * chip.vxm.divide_latency_cycles;
  if (vxm.op == VxmOp::kSoftmaxStep) {  // the sum: 64 / 16 steps and a tree, beside the result
    timing.latency_cycles += (kKvFold + kTreeOf16) * chip.vxm.alu_latency_cycles;
  }
  if (vxm.op == VxmOp::kRoute) {  // one round of choosing for each expert
    timing.interval_cycles += vxm.chosen * (kTreeOf64 + 2);
    timing.latency_cycles += vxm.chosen * (kTreeOf64 + 2) * chip.vxm.alu_latency_cycles;
  }
  if (vxm.op == VxmOp::kDot) {  // the chain over k cannot be overlapped
    timing.interval_cycles = chip.vxm.alu_latency_cycles;
  }
  return timing;
}

PassTiming TimePass(const Chip& chip, DType dtype, std::int32_t k) {
  PassTiming timing;
  const std::int32_t links = IsQuantised(dtype) ? CeilDiv(k, 32) : k;
  timing.interval_cycles = IsQuantised(dtype) ? 1 : chip.mxm.float_interval_cycles;
  timing.chain_cycles = links * chip.mxm.chain_cycles;
  timing.latency_cycles = chip.mxm.pass_latency_cycles + timing.chain_cycles;
  return timing;
}

std::int32_t PassElements(const Chip& chip, DType dtype) {
  return IsQuantised(dtype) ? chip.mxm.rows : chip.mxm.rows / 2;
}

std::int32_t LoadCycles(const Chip& chip, std::int32_t vectors) {
  return CeilDiv(vectors, chip.mxm.install_streams);
}

}  // namespace millrace::isa

#include "isa/states.h"

#include "base/check.h"

namespace millrace::isa {

std::int64_t RunsOf(const Vxm& vxm) { return (std::int64_t{vxm.elements} + vxm.run - 1) / vxm.run; }

StateUse StatesOf(const Vxm& vxm) {
  const auto of = [](std::int64_t begin, std::int64_t count) { return StateRange{begin, count}; };
  switch (vxm.op) {
    case VxmOp::kCopy:
    case VxmOp::kAdd:
    case VxmOp::kScale:
    case VxmOp::kSoftcap:
    case VxmOp::kSiluMul:
    case VxmOp::kGeluMul:
    case VxmOp::kClampedMul:
    case VxmOp::kQuantise:
    case VxmOp::kToF16:
    case VxmOp::kToBF16:
    case VxmOp::kRope:
    case VxmOp::kDot:
      return {};
    case VxmOp::kScaledAdd:
      return {.reads = {of(vxm.slot, 1)}, .writes = {}};
    case VxmOp::kNormalise:
    case VxmOp::kMultiplyRuns:
      return {.reads = {of(vxm.slot, RunsOf(vxm))}, .writes = {}};
    case VxmOp::kSumSquares:
      return {.reads = {}, .writes = {of(vxm.slot, RunsOf(vxm))}};
    case VxmOp::kSoftmaxBegin:
      return {.reads = {}, .writes = {of(vxm.slot, vxm.elements), of(vxm.sum_slot, vxm.elements)}};
    case VxmOp::kSoftmaxStep: {
      const std::array<StateRange, 2> rows = {of(vxm.slot, vxm.count), of(vxm.sum_slot, vxm.count)};
      return {.reads = rows, .writes = rows};
    }
    case VxmOp::kSoftmaxEnd:
      return {.reads = {of(vxm.sum_slot, vxm.elements)},
              .writes = {of(vxm.sum_slot, vxm.elements)}};
    case VxmOp::kRoute:
      return {.reads = {}, .writes = {of(vxm.slot, vxm.chosen)}};
  }
  MILLRACE_CHECK(false);
}

}  // namespace millrace::isa

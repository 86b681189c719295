#include "sim/vxm_work.h"

#include <algorithm>

#include "base/check.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

std::int32_t Runs(const isa::Vxm& vxm) {
  return vxm.run <= 0 ? 0 : (vxm.elements + vxm.run - 1) / vxm.run;
}

void Collect(const VxmStep& step) {
  const auto a = step.a.first(step.n);
  step.work.collected.insert(step.work.collected.end(), a.begin(), a.end());
  if (step.b.empty()) return;
  const auto b = step.b.first(step.n);
  step.work.collected_b.insert(step.work.collected_b.end(), b.begin(), b.end());
}

}  // namespace

StateRange StatesOf(const isa::Vxm& vxm) {
  using isa::VxmOp;
  switch (vxm.op) {
    case VxmOp::kScaledAdd:
      return {vxm.slot, 1, true, false};
    case VxmOp::kSumSquares:
      return {vxm.slot, Runs(vxm), false, true};
    case VxmOp::kNormalise:
    case VxmOp::kMultiplyRuns:
      return {vxm.slot, Runs(vxm), true, false};
    case VxmOp::kSoftmaxBegin:
      return {vxm.slot, vxm.elements, false, true};
    case VxmOp::kSoftmaxStep:
      return {vxm.slot, vxm.count, true, true};
    case VxmOp::kRoute:
      return {vxm.slot, vxm.chosen, false, true};
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
    case VxmOp::kSoftmaxEnd:
    case VxmOp::kDot:
      return {};
  }
  MILLRACE_CHECK(false);
  return {};
}

StateRange SumsOf(const isa::Vxm& vxm) {
  if (vxm.op == isa::VxmOp::kSoftmaxBegin) return {vxm.sum_slot, vxm.elements, false, true};
  if (vxm.op == isa::VxmOp::kSoftmaxStep) return {vxm.sum_slot, vxm.count, true, true};
  if (vxm.op == isa::VxmOp::kSoftmaxEnd) return {vxm.sum_slot, vxm.elements, true, true};
  return {};
}

VxmWork BeginVxm(const Chip& chip, const isa::Vxm& vxm) {
  VxmWork work{.vxm = &vxm,
               .vector_bytes = chip.vector_bytes,
               .states_at = StatesOf(vxm),
               .sums_at = SumsOf(vxm)};
  work.states.resize(static_cast<std::size_t>(work.states_at.count));
  work.sums.resize(static_cast<std::size_t>(work.sums_at.count));
  return work;
}

std::size_t StepElements(const isa::Vxm& vxm, std::int64_t step) {
  const std::int64_t left = vxm.elements - step * vxm.step_elements;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(left, 0, vxm.step_elements));
}

std::size_t ResultVectors(const Chip& chip, const isa::Vxm& vxm, std::int64_t step) {
  using isa::VxmOp;
  if (vxm.to == isa::ResultSides::kNone) return 0;
  if (vxm.op == VxmOp::kQuantise || vxm.op == VxmOp::kSoftmaxStep) return 2;
  if (vxm.op == VxmOp::kDot && step + 1 < vxm.count) return 0;
  const std::size_t elements =
      vxm.op == VxmOp::kDot ? static_cast<std::size_t>(vxm.elements) : StepElements(vxm, step);
  const bool halves = vxm.op == VxmOp::kToF16 || vxm.op == VxmOp::kToBF16;
  const auto vector_bytes = static_cast<std::size_t>(chip.vector_bytes);
  return (elements * (halves ? 2 : 4) + vector_bytes - 1) / vector_bytes;
}

void StepVxm(VxmWork& work, std::int64_t step, std::span<const float> a, std::span<const float> b,
             std::span<std::byte> out) {
  using isa::VxmOp;
  const VxmStep one{
      .work = work, .step = step, .n = StepElements(*work.vxm, step), .a = a, .b = b, .out = out};
  switch (work.vxm->op) {
    case VxmOp::kCopy:
    case VxmOp::kAdd:
    case VxmOp::kScale:
    case VxmOp::kSoftcap:
    case VxmOp::kSiluMul:
    case VxmOp::kGeluMul:
    case VxmOp::kClampedMul:
    case VxmOp::kScaledAdd:
    case VxmOp::kNormalise:
    case VxmOp::kMultiplyRuns:
      return StepElementwise(one);
    case VxmOp::kQuantise:
    case VxmOp::kToF16:
    case VxmOp::kToBF16:
      return StepConversion(one);
    case VxmOp::kRope:
      return StepRope(one);
    case VxmOp::kSoftmaxBegin:
    case VxmOp::kSoftmaxStep:
      return StepSoftmax(one);
    case VxmOp::kSumSquares:
    case VxmOp::kRoute:
      return Collect(one);
    case VxmOp::kDot:
      return StepDot(one);
    case VxmOp::kSoftmaxEnd:
      return;
  }
  MILLRACE_CHECK(false);
}

void FinishVxm(VxmWork& work) {
  if (work.vxm->op == isa::VxmOp::kSumSquares) FinishSumSquares(work);
  if (work.vxm->op == isa::VxmOp::kRoute) FinishRoute(work);
  if (work.vxm->op == isa::VxmOp::kSoftmaxEnd) {
    for (float& sum : work.sums) sum = 1.0f / sum;
  }
}

}  // namespace millrace::sim

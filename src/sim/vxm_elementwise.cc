// Operations that make each element of the result from the same element of the operands.
#include <cmath>

#include "numerics/reference.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

// The state of the run that element i of the step is in.
float StateOfRun(const VxmStep& step, std::size_t i) {
  const isa::Vxm& vxm = *step.work.vxm;
  const std::int64_t element = step.step * vxm.step_elements + static_cast<std::int64_t>(i);
  return step.work.states[static_cast<std::size_t>(element / vxm.run)];
}

template <typename Function>
void ForEach(std::span<float> y, Function function) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = function(i);
}

}  // namespace

void StepElementwise(const VxmStep& step) {
  using isa::VxmOp;
  const isa::Vxm& vxm = *step.work.vxm;
  const auto a = step.a.first(step.n);
  const auto b = step.b.empty() ? step.b : step.b.first(step.n);
  const std::span<float> y(reinterpret_cast<float*>(step.out.data()), step.n);
  if (vxm.op == VxmOp::kCopy) ForEach(y, [&](auto i) { return a[i]; });
  if (vxm.op == VxmOp::kAdd) ForEach(y, [&](auto i) { return a[i] + b[i]; });
  if (vxm.op == VxmOp::kScale) ForEach(y, [&](auto i) { return a[i] * vxm.x; });
  if (vxm.op == VxmOp::kSoftcap) reference::Softcap(a, vxm.x, y);
  if (vxm.op == VxmOp::kSiluMul) reference::SiluMul(a, b, y);
  if (vxm.op == VxmOp::kGeluMul) reference::GeluMul(a, b, y);
  if (vxm.op == VxmOp::kClampedMul) reference::ClampedSwigluMul(a, b, y);
  if (vxm.op == VxmOp::kScaledAdd) {
    ForEach(y, [&](auto i) { return std::fma(step.work.states[0], a[i], b[i]); });
  }
  if (vxm.op == VxmOp::kNormalise) {
    ForEach(y, [&](auto i) { return (a[i] * StateOfRun(step, i)) * b[i]; });
  }
  if (vxm.op == VxmOp::kMultiplyRuns)
    ForEach(y, [&](auto i) { return a[i] * StateOfRun(step, i); });
}

}  // namespace millrace::sim

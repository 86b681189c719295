// The running softmax of docs/numerics.md, "Attention", with a binary16 cache: one row of scores of
// 64 positions a step.
#include <algorithm>
#include <cmath>
#include <limits>

#include "isa/program.h"
#include "numerics/elementary.h"
#include "numerics/half.h"
#include "numerics/reference.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

// Maximum and sum of row r: a[r] and 1, a score without a value; or none.
void Begin(const VxmStep& step) {
  const auto first = static_cast<std::size_t>(step.step * step.work.vxm->step_elements);
  for (std::size_t i = 0; i < step.n; ++i) {
    const bool sink = !step.a.empty();
    step.work.states[first + i] = sink ? step.a[i] : -std::numeric_limits<float>::infinity();
    step.work.sums[first + i] = sink ? 1.0f : 0.0f;
  }
}

}  // namespace

Visible VisibleOf(const VxmWork& work) {
  const std::int64_t position = work.position - work.first_position;  // within the block
  const std::int64_t from =
      work.vxm->window == 0 ? 0 : std::max<std::int64_t>(0, position + 1 - work.vxm->window);
  const std::int64_t to = std::clamp<std::int64_t>(position + 1, 0, isa::kKvBlock);
  return {static_cast<std::size_t>(std::min(from, to)), static_cast<std::size_t>(to)};
}

void StepSoftmax(const VxmStep& step) {
  VxmWork& work = step.work;
  if (work.vxm->op == isa::VxmOp::kSoftmaxBegin) return Begin(step);
  const Visible visible = VisibleOf(work);
  float& max = work.states[static_cast<std::size_t>(step.step)];
  float& sum = work.sums[static_cast<std::size_t>(step.step)];
  float correction = 1;
  if (visible.begin < visible.end) {
    float scores[isa::kKvBlock] = {};
    float new_max = max;
    for (std::size_t i = visible.begin; i < visible.end; ++i) {
      const float cap = work.vxm->x;
      scores[i] = cap == 0 ? step.a[i] : cap * Tanh(step.a[i] / cap);
      new_max = std::max(new_max, scores[i]);
    }
    correction = Exp(max - new_max);
    float p[isa::kKvBlock] = {};
    for (std::size_t i = visible.begin; i < visible.end; ++i) {
      const Half bits = FloatToHalf(Exp(scores[i] - new_max));
      p[i] = HalfToFloat(bits);
      std::memcpy(step.out.data() + i * sizeof(bits), &bits, sizeof(bits));
    }
    sum = std::fma(sum, correction, reference::Sum(p));
    max = new_max;
  }
  const float two[] = {correction, work.first ? 1.0f : 0.0f};
  std::memcpy(step.out.data() + work.vector_bytes, two, sizeof(two));
}

}  // namespace millrace::sim

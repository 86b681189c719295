// Operations whose result is there when all steps are: norms, the router's choice, a dot product.
#include <cmath>
#include <vector>

#include "base/check.h"
#include "numerics/reference.h"
#include "numerics/reference_route.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

reference::RouteWeighting WeightingOf(isa::RouteWeighting weighting) {
  switch (weighting) {
    case isa::RouteWeighting::kSoftmax:
      return reference::RouteWeighting::kSoftmax;
    case isa::RouteWeighting::kSoftmaxOfChosen:
      return reference::RouteWeighting::kSoftmaxOfChosen;
    case isa::RouteWeighting::kSigmoid:
      return reference::RouteWeighting::kSigmoid;
  }
  MILLRACE_CHECK(false);
  return {};
}

}  // namespace

void FinishSumSquares(VxmWork& work) {
  const auto run = static_cast<std::size_t>(work.vxm->run);
  for (std::size_t r = 0; r < work.states.size(); ++r) {
    const std::size_t end = std::min((r + 1) * run, work.collected.size());
    const auto values = std::span(work.collected).subspan(r * run, end - r * run);
    const float mean = reference::SumOfSquares(values) / static_cast<float>(run);
    work.states[r] = 1.0f / std::sqrt(mean + work.vxm->x);
  }
}

void FinishRoute(VxmWork& work) {
  const isa::Vxm& vxm = *work.vxm;
  const auto chosen = reference::ChooseExperts({.chosen = vxm.chosen,
                                                .weighting = WeightingOf(vxm.weighting),
                                                .groups = vxm.groups,
                                                .chosen_groups = vxm.chosen_groups,
                                                .normalise = vxm.normalise,
                                                .scale = vxm.x},
                                               work.collected_b, work.collected);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    work.chosen.push_back(static_cast<std::int32_t>(chosen[i].expert));
    work.states[i] = chosen[i].weight;
  }
}

void StepDot(const VxmStep& step) {
  const isa::Vxm& vxm = *step.work.vxm;
  std::vector<float>& acc = step.work.collected;
  acc.resize(static_cast<std::size_t>(vxm.elements));
  const std::int64_t within = vxm.run > 0 ? step.step % vxm.run : step.step;
  const auto k = static_cast<std::size_t>(within % (step.work.vector_bytes / 4));
  for (std::size_t i = 0; i < acc.size(); ++i) acc[i] = std::fma(step.b[i], step.a[k], acc[i]);
  if (step.step + 1 == vxm.count) StoreFloats(acc, step.out);
}

}  // namespace millrace::sim

#include "graph/reference_route.h"

#include "base/check.h"
#include "numerics/reference_route.h"

namespace millrace {
namespace {

reference::RouteWeighting WeightingOf(RouteWeights weights) {
  switch (weights) {
    case RouteWeights::kSoftmax:
      return reference::RouteWeighting::kSoftmax;
    case RouteWeights::kSoftmaxOfChosen:
      return reference::RouteWeighting::kSoftmaxOfChosen;
    case RouteWeights::kSigmoid:
      return reference::RouteWeighting::kSigmoid;
  }
  MILLRACE_CHECK(false);
  return {};
}

}  // namespace

std::vector<float> ReferenceRoute(const Route& route, std::span<const float> selection_bias,
                                  std::span<const float> logits) {
  const reference::RouteRule rule{.chosen = static_cast<std::size_t>(route.chosen),
                                  .weighting = WeightingOf(route.weights),
                                  .groups = static_cast<std::size_t>(route.groups),
                                  .chosen_groups = static_cast<std::size_t>(route.chosen_groups),
                                  .normalise = route.normalise,
                                  .scale = route.scale};
  std::vector<float> result(logits.size(), 0.0f);
  for (const reference::ChosenExpert& chosen :
       reference::ChooseExperts(rule, selection_bias, logits)) {
    result[chosen.expert] = chosen.weight;
  }
  return result;
}

}  // namespace millrace

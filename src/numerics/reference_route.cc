#include "numerics/reference_route.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "numerics/elementary.h"
#include "numerics/reference.h"

namespace millrace::reference {
namespace {

// exp(x - max), each over the sum of all.
std::vector<float> Softmax(std::span<const float> x) {
  const float max = *std::max_element(x.begin(), x.end());
  std::vector<float> result;
  for (const float value : x) result.push_back(Exp(value - max));
  const float sum = Sum(result);
  for (float& value : result) value /= sum;
  return result;
}

// The indices of the `count` largest values, the largest first, ties by the lower index.
std::vector<std::size_t> Largest(std::span<const float> values, std::size_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  order.resize(count);
  return order;
}

// Experts outside of the best groups lose their chance. A group counts what its two best do.
void KeepBestGroups(const RouteRule& rule, std::vector<float>& scores) {
  const std::size_t size = scores.size() / rule.groups;
  std::vector<float> totals;
  for (std::size_t g = 0; g < rule.groups; ++g) {
    const auto group = std::span(scores).subspan(g * size, size);
    const auto best = Largest(group, std::min<std::size_t>(2, size));
    totals.push_back(best.size() == 1 ? group[best[0]] : group[best[0]] + group[best[1]]);
  }
  std::vector<float> kept(scores.size(), -std::numeric_limits<float>::infinity());
  for (const std::size_t g : Largest(totals, rule.chosen_groups)) {
    std::copy_n(scores.begin() + static_cast<std::ptrdiff_t>(g * size), size,
                kept.begin() + static_cast<std::ptrdiff_t>(g * size));
  }
  scores = kept;
}

}  // namespace

std::vector<ChosenExpert> ChooseExperts(const RouteRule& rule,
                                        std::span<const float> selection_bias,
                                        std::span<const float> logits) {
  std::vector<float> weights(logits.begin(), logits.end());
  if (rule.weighting == RouteWeighting::kSoftmax) weights = Softmax(logits);
  if (rule.weighting == RouteWeighting::kSigmoid) {
    for (float& weight : weights) weight = 1.0f / (1.0f + Exp(-weight));
  }
  std::vector<float> scores = weights;
  for (std::size_t e = 0; e < selection_bias.size(); ++e) scores[e] += selection_bias[e];
  if (rule.groups > 1) KeepBestGroups(rule, scores);
  auto chosen = Largest(scores, rule.chosen);
  std::sort(chosen.begin(), chosen.end());

  std::vector<float> of_chosen;
  for (const std::size_t e : chosen) of_chosen.push_back(weights[e]);
  if (rule.weighting == RouteWeighting::kSoftmaxOfChosen) of_chosen = Softmax(of_chosen);
  if (rule.normalise) {
    float sum = 0;
    for (const float weight : of_chosen) sum += weight;
    for (float& weight : of_chosen) weight /= std::max(sum, 0x1p-14f);
  }
  std::vector<ChosenExpert> result;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    result.push_back({.expert = chosen[i], .weight = of_chosen[i] * rule.scale});
  }
  return result;
}

}  // namespace millrace::reference

// Experts are few and tokens decide one by one, so this is plain code; the choice is made by taking
// the best remaining expert `chosen` times.
#include "host/routing.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "numerics/elementary.h"

namespace millrace {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Sixteen partial sums by index mod 16, then a tree: the contract's sum.
class OrderedSum {
 public:
  void Add(float value) { partial_[count_++ % 16] += value; }
  float Total() const {
    float p[16];
    std::copy(partial_, partial_ + 16, p);
    for (std::size_t width = 8; width > 0; width /= 2) {
      for (std::size_t i = 0; i < width; ++i) p[i] += p[i + width];
    }
    return p[0];
  }

 private:
  float partial_[16] = {};
  std::size_t count_ = 0;
};

// Softmax in place over the entries that `counts` says.
template <typename Counts>
void Softmax(std::span<float> x, Counts counts) {
  float max = kNever;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (counts(i) && x[i] > max) max = x[i];
  }
  OrderedSum sum;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!counts(i)) continue;
    x[i] = Exp(x[i] - max);
    sum.Add(x[i]);
  }
  const float total = sum.Total();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (counts(i)) x[i] /= total;
  }
}

// A bit an expert. Route has at most kMostExperts of them (checked by the plan).
class ExpertSet {
 public:
  bool Has(std::size_t e) const { return (bits_[e / 64] >> e % 64 & 1u) != 0; }
  void Add(std::size_t e) { bits_[e / 64] |= std::uint64_t{1} << e % 64; }

 private:
  std::uint64_t bits_[kMostExperts / 64] = {};
};

class Chooser {
 public:
  Chooser(const Route& route, const float* bias, std::span<const float> weights)
      : route_(route), bias_(bias), weights_(weights) {}

  ExpertSet Choose() {
    if (route_.groups > 1) CloseGroups();
    ExpertSet chosen;
    for (std::int32_t i = 0; i < route_.chosen; ++i) {
      std::size_t best = 0;
      float best_score = kNever;
      bool found = false;
      for (std::size_t e = 0; e < weights_.size(); ++e) {
        if (chosen.Has(e) || closed_.Has(e)) continue;
        if (!found || Score(e) > best_score) best = e, best_score = Score(e), found = true;
      }
      if (found) chosen.Add(best);
    }
    return chosen;
  }

 private:
  float Score(std::size_t e) const {
    return bias_ == nullptr ? weights_[e] : weights_[e] + bias_[e];
  }

  // What the two best experts of a group have together.
  float GroupScore(std::size_t group, std::size_t size) const {
    float first = kNever, second = kNever;
    for (std::size_t e = group * size; e < (group + 1) * size; ++e) {
      const float score = Score(e);
      if (score > first) {
        second = first;
        first = score;
      } else if (score > second) {
        second = score;
      }
    }
    return size == 1 ? first : first + second;
  }

  void CloseGroups() {
    const auto groups = static_cast<std::size_t>(route_.groups);
    const std::size_t size = weights_.size() / groups;
    for (std::size_t g = 0; g < groups; ++g) {
      const float score = GroupScore(g, size);
      std::int32_t better = 0;  // groups that come before this one
      for (std::size_t other = 0; other < groups; ++other) {
        const float its = GroupScore(other, size);
        if (its > score || (its == score && other < g)) ++better;
      }
      if (better < route_.chosen_groups) continue;
      for (std::size_t e = g * size; e < (g + 1) * size; ++e) closed_.Add(e);
    }
  }

  const Route& route_;
  const float* bias_;
  std::span<const float> weights_;
  ExpertSet closed_;
};

}  // namespace

void RouteToken(const Route& route, const float* bias, std::span<const float> logits,
                std::span<float> routes) {
  std::copy(logits.begin(), logits.end(), routes.begin());
  if (route.weights == RouteWeights::kSoftmax) {
    Softmax(routes, [](std::size_t) { return true; });
  }
  if (route.weights == RouteWeights::kSigmoid) {
    for (float& weight : routes) weight = 1.0f / (1.0f + Exp(-weight));
  }
  const ExpertSet chosen = Chooser(route, bias, routes).Choose();
  const auto counts = [&](std::size_t e) { return chosen.Has(e); };
  if (route.weights == RouteWeights::kSoftmaxOfChosen) Softmax(routes, counts);
  float sum = 0;
  for (std::size_t e = 0; e < routes.size(); ++e) {
    if (counts(e)) sum += routes[e];
  }
  sum = std::max(sum, 0x1p-14f);
  for (std::size_t e = 0; e < routes.size(); ++e) {
    const float weight = route.normalise ? routes[e] / sum : routes[e];
    routes[e] = counts(e) ? weight * route.scale : 0.0f;
  }
}

}  // namespace millrace

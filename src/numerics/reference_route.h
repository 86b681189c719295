// The choice of experts as the contract defines it (docs/numerics.md, "Experts"): the plain
// reference.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace millrace::reference {

// How the logits of a router become weights.
enum class RouteWeighting {
  kSoftmax,          // over all experts
  kSoftmaxOfChosen,  // over the chosen ones
  kSigmoid,
};

struct RouteRule {
  std::size_t chosen = 0;
  RouteWeighting weighting = RouteWeighting::kSoftmax;
  std::size_t groups = 1, chosen_groups = 1;  // experts are chosen from the best groups only
  bool normalise = false;                     // whether the weights are divided by their sum
  float scale = 1;                            // then multiplied by this
};

struct ChosenExpert {
  std::size_t expert = 0;
  float weight = 0;
};

// The experts of one token, by ascending index. logits: [experts]; selection_bias: [experts], or
// empty.
std::vector<ChosenExpert> ChooseExperts(const RouteRule& rule,
                                        std::span<const float> selection_bias,
                                        std::span<const float> logits);

}  // namespace millrace::reference

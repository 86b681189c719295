// Shapes of random transformers that together have every part that an architecture may have.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "random_transformer.h"

namespace millrace {

struct PartCase {
  const char* name;
  RandomShape shape;
};

inline void PrintTo(const PartCase& c, std::ostream* out) { *out << c.name; }
inline std::string CaseName(const testing::TestParamInfo<PartCase>& c) { return c.param.name; }

// What architectures other than llama are made of.
inline const PartCase kPartCases[] = {
    {"biases_and_head_norms",
     {.heads = 8,
      .kv_heads = 1,
      .head_dim = 32,
      .rotary = 24,
      .pairs = RopePairs::kHalves,
      .biases = true,
      .head_norms = true}},
    {"caps_windows_and_post_norms",
     {.pairs = RopePairs::kHalves,
      .post_norms = true,
      .window = 20,
      .attention_softcap = 5,
      .logit_softcap = 10,
      .embedding_scale = 16,
      .gate = GateKind::kGelu}},
    {"sinks_and_experts_with_biases",
     {.pairs = RopePairs::kHalves,
      .biases = true,
      .sinks = true,
      .window = 33,
      .gate = GateKind::kClampedSwiglu,
      .experts = 8,
      .chosen = 4,
      .expert_rows = 256,
      .route = {.weights = RouteWeights::kSoftmaxOfChosen}}},
    {"normalised_experts",
     {.experts = 4, .chosen = 2, .expert_rows = 256, .route = {.normalise = true}}},
    {"latent_attention_and_grouped_experts",
     {.head_dim = 288,
      .ffn = 256,
      .rotary = 32,
      .experts = 8,
      .chosen = 3,
      .expert_rows = 256,
      .route = {.weights = RouteWeights::kSigmoid,
                .groups = 4,
                .chosen_groups = 2,
                .normalise = true,
                .scale = 2.5f},
      .selection_bias = true,
      .shared_expert = true,
      .dense_first = true,
      .query_down = 256,
      .latent = 256,
      .latent_value = 64}},
    {"latent_attention_with_plain_queries",
     {.heads = 3, .head_dim = 288, .ffn = 256, .rotary = 32, .latent = 256, .latent_value = 256}},
};

}  // namespace millrace

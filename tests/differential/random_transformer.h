// A small llama-like graph with random weights of any type, for tests that compare executors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.h"

namespace millrace {

struct RandomShape {
  std::int64_t hidden = 256, heads = 4, kv_heads = 2, head_dim = 64, ffn = 512, vocabulary = 300,
               layers = 2;
  std::int64_t rotary = 64;

  // What other architectures than llama have. Layer 0 has the window and an own rope table where
  // those are wanted, the others have not.
  RopePairs pairs = RopePairs::kAdjacent;
  bool biases = false;      // of every projection
  bool head_norms = false;  // of queries and keys
  bool post_norms = false;
  bool sinks = false;
  std::int32_t window = 0;
  float attention_softcap = 0, logit_softcap = 0, embedding_scale = 1;
  GateKind gate = GateKind::kSilu;

  std::int64_t experts = 0, chosen = 0, expert_rows = 0;  // 0 experts: none
  Route route = {};                                            // logits, chosen and bias are filled in
  bool selection_bias = false, shared_expert = false;
  bool dense_first = false;  // layer 0 has no experts

  // Latent attention if latent is not 0: head_dim is nope + rotary.
  std::int64_t query_down = 0, latent = 0, latent_value = 0;
};

struct RandomTransformer {
  Graph graph;
  std::vector<std::unique_ptr<std::vector<std::byte>>> storage;  // what the graph's weights view
};

// Every matrix has type `dtype`; the same seed gives the same bytes.
RandomTransformer MakeRandomTransformer(const RandomShape& shape, DType dtype, std::uint32_t seed);

}  // namespace millrace

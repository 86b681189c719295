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
};

struct RandomTransformer {
  Graph graph;
  std::vector<std::unique_ptr<std::vector<std::byte>>> storage;  // what the graph's weights view
};

// Every matrix has type `dtype`; the same seed gives the same bytes.
RandomTransformer MakeRandomTransformer(const RandomShape& shape, DType dtype, std::uint32_t seed);

}  // namespace millrace

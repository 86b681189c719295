// A decoder-only transformer recognised in a Graph: what the host plan fuses.
//
//     x = embed
//     each layer:   n = norm(x);  x += o( attention( rope(q n), rope(k n), v n ) )
//                   n = norm(x);  x += down( silu(gate n) * (up n) )
//     logits = output( norm(x) )
#pragma once

#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace millrace {

struct TransformerLayer {
  RmsNorm attention_norm;
  WeightId query, key, value, attention_output;
  Rope query_rope, key_rope;
  Attention attention;
  RmsNorm ffn_norm;
  WeightId gate, up, down;
};

struct Transformer {
  WeightId embedding;
  std::vector<TransformerLayer> layers;
  RmsNorm output_norm;
  WeightId output;
};

// kUnsupported if the graph is anything else, naming the operation that does not fit.
Result<Transformer> RecogniseTransformer(const Graph& graph);

}  // namespace millrace

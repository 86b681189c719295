// The transformer as typed operations with shapes: no machine, no file, no schedule.
//
// A graph describes what one step computes for each of its tokens; the number of tokens is not part
// of it. Every value is a matrix [tokens, columns] of binary32, made by exactly one operation, and
// operations stand in an order in which every operand comes before its use. The meaning of each
// operation is the contract of docs/numerics.md (numerics/reference.h).
//
//     %0 = embed token_embd.weight : 288
//     %1 = rms_norm %0, blk.0.attn_norm.weight, eps 1e-05 : 288
//     %2 = linear %1, blk.0.attn_q.weight : 288
//     %3 = rope %2, table 0, head_dim 48 : 288
//
// Text form: graph/print.h, graph/parse.h. Well-formedness: graph/verify.h. The slow obvious
// executor: graph/interpreter.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/typed_index.h"
#include "numerics/dtype.h"

namespace millrace {

using ValueId = TypedIndex<struct ValueIdTag>;
using WeightId = TypedIndex<struct WeightIdTag>;
using RopeTableId = TypedIndex<struct RopeTableIdTag>;

// A named parameter [rows, columns], row-major; vectors (norms) have one row.
// bytes views the model file and lives as long as the checkpoint; it is empty in a graph that has
// shapes only.
struct Weight {
  std::string name;
  DType dtype = DType::kF32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::span<const std::byte> bytes;
};

// The rotation of position p, pair i: angle p * frequencies[i] (double precision, scaling
// included), its cosine and sine multiplied by magnitude and rounded once to binary32.
struct RopeTable {
  std::vector<double> frequencies;  // [rotary dimensions / 2], radians a position
  double magnitude = 1.0;
};

// One row of the table for every token id.
struct Embed {
  WeightId table;
};
struct RmsNorm {
  ValueId input;
  WeightId weight;
  float eps = 0;
};
// input [tokens, columns of weight] -> [tokens, rows of weight].
struct Linear {
  ValueId input;
  WeightId weight;
};
// Rotates each head of input [tokens, heads * head_dim] by the token's position.
struct Rope {
  ValueId input;
  RopeTableId table;
  std::int32_t head_dim = 0;
};
// Appends key and value [tokens, kv_heads * head_dim] to the cache of `layer`, then attends
// causally with query [tokens, heads * head_dim]. Query head h reads the key-value head h *
// kv_heads / heads.
struct Attention {
  ValueId query, key, value;
  std::int32_t layer = 0;
  std::int32_t heads = 0;
  std::int32_t kv_heads = 0;
  std::int32_t head_dim = 0;
  float scale = 0;  // of the scores, usually 1 / sqrt(head_dim)
};
// silu(gate) * up, elementwise.
struct SiluMul {
  ValueId gate, up;
};
struct Add {
  ValueId left, right;
};

using Operation = std::variant<Embed, RmsNorm, Linear, Rope, Attention, SiluMul, Add>;

// operations[i] makes ValueId{i} with columns[i] columns.
struct Graph {
  std::vector<Operation> operations;
  std::vector<std::int64_t> columns;
  std::vector<Weight> weights;
  std::vector<RopeTable> rope_tables;
  ValueId logits;  // [tokens, vocabulary]

  const Weight& weight(WeightId id) const { return weights[id.index()]; }
};

}  // namespace millrace

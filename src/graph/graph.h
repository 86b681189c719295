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
#include <optional>
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
// Normalises every run of weight.columns values of a row by itself: the whole row, or each head.
struct RmsNorm {
  ValueId input;
  WeightId weight;
  float eps = 0;
};
// input [tokens, groups * columns of weight] -> [tokens, rows of weight], plus bias [rows] if there
// is one. With groups, part g of the input meets rows [g, g + 1) * rows / groups only: a
// block-diagonal matrix, as the per-head matrices of latent attention (arXiv:2405.04434) are.
struct Linear {
  ValueId input;
  WeightId weight;
  std::optional<WeightId> bias = std::nullopt;
  std::int32_t groups = 1;
};
// Which two dimensions of the n rotated ones turn together.
enum class RopePairs {
  kAdjacent,  // 2i and 2i + 1
  kHalves,    // i and i + n / 2
};
// Rotates dimensions [first, first + 2 * pairs of the table) of each head of input [tokens, heads *
// head_dim] by the token's position.
struct Rope {
  ValueId input;
  RopeTableId table;
  std::int32_t head_dim = 0;
  std::int32_t first = 0;
  RopePairs pairs = RopePairs::kAdjacent;
};
// Appends key [tokens, kv_heads * head_dim] and value [tokens, kv_heads * value_dim] to the cache
// of `layer`, then attends causally with query [tokens, heads * head_dim]; makes [tokens, heads *
// value_dim]. Query head h reads the key-value head h * kv_heads / heads.
struct Attention {
  ValueId query, key, value;
  std::int32_t layer = 0;
  std::int32_t heads = 0;
  std::int32_t kv_heads = 0;
  std::int32_t head_dim = 0;
  std::int32_t value_dim = 0;
  float scale = 0;          // of the scores, usually 1 / sqrt(head_dim)
  std::int32_t window = 0;  // position p sees p - window + 1 .. p; 0: everything before it
  float softcap = 0;        // scores become softcap * tanh(score / softcap); 0: they stay
  std::optional<WeightId> sinks =
      std::nullopt;  // [heads]: a score without a value, arXiv:2309.17453
};
enum class GateKind {
  kSilu,  // silu(gate) * up, arXiv:2002.05202
  kGelu,  // gelu(gate) * up, gelu by its tanh form, arXiv:1606.08415
  // gpt-oss: g = min(gate, 7), u = clamp(up, -7, 7); g / (1 + exp(-1.702 g)) * (u + 1)
  kClampedSwiglu,
};
struct GateMul {
  ValueId gate, up;
  GateKind kind = GateKind::kSilu;
};
struct Add {
  ValueId left, right;
};
struct Scale {
  ValueId input;
  float factor = 1;
};
// cap * tanh(input / cap).
struct Softcap {
  ValueId input;
  float cap = 0;
};
// Of each of `heads` equal parts of a row, columns [begin, begin + size).
struct HeadSlice {
  ValueId input;
  std::int32_t heads = 1;
  std::int32_t begin = 0;
  std::int32_t size = 0;
};
// Part h of left, then part h of right, for each of `heads` equal parts.
struct HeadConcat {
  ValueId left, right;
  std::int32_t heads = 1;
};
// How the logits of a router become weights.
enum class RouteWeights {
  kSoftmax,          // over all experts
  kSoftmaxOfChosen,  // over the chosen ones
  kSigmoid,
};
// Chooses experts for each token: logits [tokens, experts] -> [tokens, experts] with the weight of
// every chosen expert and 0 elsewhere. Ties go to the lower index.
struct Route {
  ValueId logits = {};
  std::int32_t chosen = 0;  // experts a token has
  RouteWeights weights = RouteWeights::kSoftmax;
  std::optional<WeightId> selection_bias =
      std::nullopt;                // [experts]: counts for the choice, not in the weight
  std::int32_t groups = 1;         // experts are chosen from the best
  std::int32_t chosen_groups = 1;  // groups only (arXiv:2412.19437, 2.1.2)
  bool normalise = false;          // whether the weights are divided by their sum
  float scale = 1;                 // then multiplied by this
};
// The sum over the experts e with routes[e] != 0, ascending, of routes[e] * down_e(gate_e x gated
// with up_e x). Weights of all experts are stacked: gate and up [experts * ffn, hidden], down
// [experts * hidden, ffn]; biases likewise, [experts * ffn] and [experts * hidden].
struct Experts {
  ValueId input = {}, routes = {};
  WeightId gate = {}, up = {}, down = {};
  std::optional<WeightId> gate_bias = std::nullopt, up_bias = std::nullopt,
                          down_bias = std::nullopt;
  GateKind kind = GateKind::kSilu;
};

using Operation = std::variant<Embed, RmsNorm, Linear, Rope, Attention, GateMul, Add, Scale,
                               Softcap, HeadSlice, HeadConcat, Route, Experts>;

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

// What each thread of the team computes: its rows of every weight, packed.
//
// Rows are divided so that query heads, with the key-value head that they read, belong to one
// thread: projections and attention then need no barrier between them. Where there are not enough
// key-value heads for that, query heads are divided all the same, and the keys and values of a head
// are made by the first of the threads that read them (HostShape::kv_is_shared).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"
#include "host/transformer.h"
#include "kernels/packed_matrix.h"

namespace millrace {

// Half-open range of rows (of a weight) or of anything else.
struct Range {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

// Part `index` of `parts` of [0, n), in multiples of `unit`, as even as possible.
Range Part(std::size_t n, std::size_t unit, std::size_t index, std::size_t parts);

inline std::size_t PaddedRows(std::size_t rows) {
  return (rows + kTileRows - 1) / kTileRows * kTileRows;
}

// Rows [first_row, first_row + packed.rows) of a weight, packed, and the bias of the whole weight.
struct PackedRows {
  WeightId weight;
  std::size_t first_row = 0;
  PackedMatrix packed;
  std::optional<WeightId> bias = std::nullopt;
  std::size_t first_bias = 0;  // the element of the bias that belongs to first_row

  std::size_t stride() const { return PaddedRows(packed.rows); }
};

// Query heads [first_head, first_head + heads) with the projections that they need of the key-value
// head they read. key and value have no rows where another thread makes them.
struct HeadRows {
  std::size_t kv_head = 0, first_head = 0, heads = 0;
  PackedRows query, key, value;
};

// Heads [heads.begin, heads.end) of latent attention, and parts of what all heads share.
struct LatentRows {
  Range heads;
  PackedRows query_down;                          // none where queries are not compressed
  PackedRows key_latent, key_rotated;             // own parts
  std::vector<PackedRows> query, absorb, expand;  // by own head
};

// At most kFfnPanelRows rows of gate and up, so that their products stay in the cache until they
// are multiplied.
inline constexpr std::size_t kFfnPanelRows = 128;
struct GatedPanel {
  PackedRows gate, up;
};
struct GatedRows {
  std::vector<GatedPanel> panels;
  PackedRows down;
};

struct LayerShare {
  std::vector<HeadRows> heads;
  std::optional<LatentRows> latent;
  PackedRows attention_output;
  std::optional<GatedRows> gated;  // the feed-forward part, or the expert that all tokens share
  PackedRows router;
  std::vector<GatedRows> experts;
};

struct ThreadShare {
  std::vector<LayerShare> layers;
  PackedRows output;
  std::size_t stream_bytes = 0;  // of packed weights
  std::size_t expert_bytes = 0;  // of these, in experts
};

// Dimensions common to all layers, or the largest of any.
struct HostShape {
  std::size_t hidden = 0, vocabulary = 0, layers = 0;
  std::size_t heads = 0, kv_heads = 0, head_dim = 0, value_dim = 0;
  std::size_t attention_columns = 0;  // of the input of the attention's output projection
  std::size_t gated = 0;              // rows of gate and up
  std::size_t experts = 0, chosen = 0, expert_rows = 0;
  std::size_t query_down = 0, nope = 0, latent = 0, rotated = 0, latent_value = 0;
  bool has_latent = false, kv_is_shared = false;

  std::size_t group() const { return heads / kv_heads; }  // query heads a key-value head
};

// kUnsupported where layers differ in what the plan needs to be common.
Result<HostShape> ReadShape(const Graph& graph, const Transformer& transformer, int threads);

// The rows of each thread, not yet packed (no data).
std::vector<ThreadShare> DivideRows(const Graph& graph, const Transformer& transformer,
                                    const HostShape& shape, int threads);

// Calls function(PackedRows&) for everything a thread packs, in the order in which a step reads it.
template <typename Function>
void ForEachRows(GatedRows& rows, Function function) {
  for (GatedPanel& panel : rows.panels) {
    function(panel.gate);
    function(panel.up);
  }
  function(rows.down);
}

template <typename Function>
void ForEachRows(LatentRows& rows, Function function) {
  function(rows.query_down);
  function(rows.key_latent);
  function(rows.key_rotated);
  for (PackedRows& query : rows.query) function(query);
  for (PackedRows& absorb : rows.absorb) function(absorb);
  for (PackedRows& expand : rows.expand) function(expand);
}

template <typename Function>
void ForEachRows(ThreadShare& share, Function function) {
  for (LayerShare& layer : share.layers) {
    for (HeadRows& head : layer.heads) {
      function(head.query);
      function(head.key);
      function(head.value);
    }
    if (layer.latent) ForEachRows(*layer.latent, function);
    function(layer.attention_output);
    function(layer.router);
    for (GatedRows& expert : layer.experts) ForEachRows(expert, function);
    if (layer.gated) ForEachRows(*layer.gated, function);
  }
  function(share.output);
}

}  // namespace millrace

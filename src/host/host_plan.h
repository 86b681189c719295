// Everything about running a graph on this CPU that is decided before the first token: where each
// weight, activation and KV block lies, which thread computes which rows, and how many bytes and
// multiply-adds a token costs.
//
// Weights are repacked into tiles (kernels/packed_matrix.h) in the order in which each thread reads
// them, so a step is one pass over one contiguous stream a thread. Rows are divided so that a
// key-value head, its query heads and its cache belong to one thread: projections and attention
// need no barrier between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/team.h"
#include "graph/graph.h"
#include "host/prepared_input.h"
#include "host/transformer.h"
#include "kernels/kernel_table.h"

namespace millrace {

enum class KvType { kF32, kF16 };

struct HostOptions {
  CpuLevel level = CpuLevel::kPortable;
  int threads = 1;
  std::int32_t context = 0;         // positions a sequence may have
  std::int32_t kv_blocks = 0;       // of 64 positions, shared by all sequences
  std::int32_t max_tokens = 512;    // of one step, all sequences together
  std::int32_t max_logit_rows = 1;  // rows of logits that one step may ask for
  KvType kv_type = KvType::kF16;
};

// Half-open range of rows (of a weight) or of anything else.
struct Range {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

// Rows [first_row, first_row + packed.rows) of a weight, packed.
struct PackedRows {
  WeightId weight;
  std::size_t first_row = 0;
  PackedMatrix packed;
};

// The projections of one key-value head: the rows of its query heads, of its key and of its value.
struct KvHeadRows {
  std::size_t kv_head = 0;
  PackedRows query, key, value;
};

// At most kFfnPanelRows rows of gate and up, so that their products stay in the cache until they
// are multiplied.
inline constexpr std::size_t kFfnPanelRows = 128;
struct FfnPanel {
  PackedRows gate, up;
};

// What one thread computes of one layer.
struct LayerShare {
  std::vector<KvHeadRows> kv_heads;
  PackedRows attention_output;
  std::vector<FfnPanel> ffn_panels;
  PackedRows down;
};

struct ThreadShare {
  std::vector<LayerShare> layers;
  PackedRows output;
  std::size_t stream_bytes = 0;  // of packed weights that this thread reads a token
};

// Dimensions common to all layers.
struct HostShape {
  std::size_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, rotary = 0, ffn = 0,
              vocabulary = 0, layers = 0;
  std::size_t group() const { return heads / kv_heads; }  // query heads a key-value head
  std::size_t attention_columns() const { return heads * head_dim; }
};

// Private scratch of a thread. Sizes are for max_tokens rows (T), one key-value head, one panel.
struct ThreadScratch {
  float* normed = nullptr;          // [hidden] one row
  PreparedInput row_input;          // decode: one normed row, [hidden]
  PreparedInput attention_input;    // decode: one row of attention output, [heads * head_dim]
  float* query = nullptr;           // [T, group * head_dim padded]
  float* key = nullptr;             // [T, head_dim padded]
  float* value = nullptr;           // [T, head_dim padded]
  float* gate = nullptr;            // [T, kFfnPanelRows]
  float* up = nullptr;              // [T, kFfnPanelRows]
  float* product = nullptr;         // [T, kFfnPanelRows]
  float* prepared_query = nullptr;  // [attention rows, head_dim]
  AttentionState attention;         // [attention rows]
  std::int32_t* counts = nullptr;   // [attention rows]
};

// Activations shared by the team.
struct SharedBuffers {
  float* residual = nullptr;   // x: [T, hidden]
  float* attention = nullptr;  // [T, heads * head_dim]
  float* ffn = nullptr;        // [T, ffn]
  PreparedInput normed_input, attention_input, ffn_input;
  PreparedInput logit_input;  // [max_logit_rows, hidden]
  float* logits = nullptr;    // [max_logit_rows, vocabulary padded to tiles]
};

class HostPlan {
 public:
  // The graph and the bytes of its embedding table must outlive the plan; all other weights are
  // copied. kUnsupported for a graph the host cannot run; kExhausted if it does not fit in memory
  // (before touching it).
  static Result<HostPlan> Build(const Graph& graph, const HostOptions& options, Team& team);

  const Graph& graph() const { return *graph_; }
  const Transformer& transformer() const { return transformer_; }
  const HostOptions& options() const { return options_; }
  const HostShape& shape() const { return shape_; }
  const KernelTable& kernels() const { return *kernels_; }
  const CacheKernels& cache_kernels() const {
    return options_.kv_type == KvType::kF16 ? kernels_->f16_cache : kernels_->f32_cache;
  }

  // Query rows that attention works on at once.
  std::size_t attention_rows() const;
  std::size_t logit_stride() const {
    return (shape_.vocabulary + kTileRows - 1) / kTileRows * kTileRows;
  }

  // Keys and values of one head in one KV block.
  std::byte* keys(std::int32_t block, std::size_t layer, std::size_t kv_head) const;
  std::byte* values(std::int32_t block, std::size_t layer, std::size_t kv_head) const {
    return keys(block, layer, kv_head) + key_block_bytes_;
  }

  // Expanded rotation of a position: [rotary] each (kernel_table.h, rope).
  const float* cosines(std::size_t position) const { return cosines_ + position * shape_.rotary; }
  const float* sines(std::size_t position) const { return sines_ + position * shape_.rotary; }

  // Bytes read and multiply-adds done for one decoded token when `positions` are cached, itself
  // included.
  double bytes_per_token(std::int64_t positions) const;
  double multiply_adds_per_token(std::int64_t positions) const;
  std::size_t weight_bytes() const { return weight_bytes_; }
  std::size_t kv_bytes() const { return kv_arena_.size_bytes(); }
  std::size_t activation_bytes() const { return activation_arena_.size_bytes(); }

  std::vector<ThreadShare> shares;  // by thread
  std::vector<ThreadScratch> scratch;
  SharedBuffers buffers;
  std::vector<const float*> attention_norms, ffn_norms;  // by layer, [hidden]
  const float* output_norm = nullptr;

 private:
  HostPlan() = default;
  Result<void> ReadShape();
  void DivideRows();
  Result<void> CheckMemory();
  std::size_t KvBytes() const;
  Result<void> PlaceWeights(Team& team);
  Result<void> PlaceActivations();
  void LayOutActivations(Placement& placement);
  void LayOutScratch(Placement& placement, ThreadScratch& scratch);

  const Graph* graph_ = nullptr;
  Transformer transformer_;
  HostOptions options_;
  HostShape shape_;
  const KernelTable* kernels_ = nullptr;
  Arena weight_arena_, activation_arena_, kv_arena_;
  std::size_t weight_bytes_ = 0;
  std::size_t key_block_bytes_ = 0, head_block_bytes_ = 0;  // of one head in one KV block
  float* cosines_ = nullptr;
  float* sines_ = nullptr;
};

}  // namespace millrace

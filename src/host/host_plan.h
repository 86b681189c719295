// Everything about running a graph on this CPU that is decided before the first token: where each
// weight, activation and KV block lies, which thread computes which rows, and how many bytes and
// multiply-adds a token costs.
//
// Weights are repacked into tiles (kernels/packed_matrix.h) in the order in which each thread reads
// them, so a step is one pass over one contiguous stream a thread. What each thread has of them:
// host/share.h; what it works in: host/buffers.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/team.h"
#include "graph/graph.h"
#include "host/buffers.h"
#include "host/share.h"
#include "host/step.h"
#include "host/transformer.h"
#include "kernels/kernel_table.h"

namespace millrace {

enum class KvType { kF32, kF16, kQ8_0 };

std::string_view Name(KvType type);  // "F16"

struct HostOptions {
  CpuLevel level = CpuLevel::kPortable;
  int threads = 1;
  std::int32_t context = 0;    // positions a sequence may have
  std::int32_t kv_blocks = 0;  // of 64 positions, shared by all sequences
  // Blocks that layers with a window have of their own; 0: they use those of all layers.
  std::int32_t window_blocks = 0;
  std::int32_t max_tokens = 512;    // of one step, all sequences together
  std::int32_t max_logit_rows = 1;  // rows of logits that one step may ask for
  KvType kv_type = KvType::kF16;
  // Called, by any thread, with bytes of weights that are packed and will hardly be read again.
  std::function<void(std::span<const std::byte>)> forget = nullptr;
};

// The rotation of one table and pairing, expanded (kernel_table.h, rope): position p at p * rotary.
struct ExpandedRope {
  RopeTableId table;
  RopePairs pairs = RopePairs::kAdjacent;
  std::size_t rotary = 0;
  float* cosines = nullptr;
  float* sines = nullptr;
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
  const CacheKernels& cache_kernels() const;

  // Query rows that attention works on at once.
  std::size_t attention_rows() const { return attention_rows_; }
  std::size_t logit_stride() const {
    return (shape_.vocabulary + kTileRows - 1) / kTileRows * kTileRows;
  }

  // Keys and values of one head in the KV block that has a position of the sequence.
  std::byte* keys(const StepSequence& sequence, std::size_t position, std::size_t layer,
                  std::size_t kv_head) const;
  std::byte* values(const StepSequence& sequence, std::size_t position, std::size_t layer,
                    std::size_t kv_head) const {
    return keys(sequence, position, layer, kv_head) + key_block_bytes_;
  }
  // The longest window of the layers that have blocks of their own; 0 if none has.
  std::int32_t window() const { return window_; }

  // A vector of the graph (a norm, a bias, sinks) in memory of the plan.
  const float* vector(WeightId id) const { return vectors_[id.index()]; }
  const ExpandedRope& rope(const Rope& rope) const;

  // Bytes read and multiply-adds done for one decoded token when `positions` are cached, itself
  // included. Of experts, those that a token has.
  double bytes_per_token(std::int64_t positions) const;
  double multiply_adds_per_token(std::int64_t positions) const;
  std::size_t weight_bytes() const { return weight_bytes_; }
  std::span<const std::byte> weights() const { return {weight_arena_.data(), weight_bytes_}; }
  std::size_t kv_bytes() const { return kv_arena_.size_bytes(); }
  std::size_t activation_bytes() const { return activation_arena_.size_bytes(); }

  std::vector<ThreadShare> shares;  // by thread
  std::vector<ThreadScratch> scratch;
  SharedBuffers buffers;

 private:
  HostPlan() = default;
  Result<void> CheckMemory();
  std::size_t KvBytes() const;
  void PlaceKvBlocks();
  Result<void> PlaceWeights(Team& team);
  Result<void> PlaceActivations();
  void LayOut(Placement& placement);
  void FillRopes();
  double CachedPositions(std::int64_t positions) const;

  // Where a layer's keys and values begin, and which blocks it has.
  struct KvPlace {
    std::size_t first_byte = 0, blocks = 0;
    bool has_window = false;
  };

  const Graph* graph_ = nullptr;
  Transformer transformer_;
  HostOptions options_;
  HostShape shape_;
  const KernelTable* kernels_ = nullptr;
  Arena weight_arena_, activation_arena_, kv_arena_;
  std::size_t weight_bytes_ = 0;
  std::size_t key_block_bytes_ = 0, head_block_bytes_ = 0;  // of one head in one KV block
  std::vector<KvPlace> kv_places_;                          // by layer
  std::int32_t window_ = 0;
  std::size_t attention_rows_ = 0;
  std::vector<WeightId> vector_ids_;
  std::vector<float*> vectors_;  // by weight; null for matrices
  std::vector<ExpandedRope> ropes_;
};

}  // namespace millrace

#include "host/host_plan.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr std::size_t kAttentionRows = 64;

// Whether a decode step asks for packed weights ahead of their use. Measured on Zen 5: nibbles and
// six-bit weights gain 6 to 20 % in the third-level cache and 12 to 75 % in memory, because
// unpacking leaves too few loads on their way; 8 KiB ahead was as good as 4 or better. Bytes gain
// up to 12 % up to some hundred megabytes, and lose 8 % at 1.3 GB, where the hardware does better.
bool WantsPrefetch(DType dtype, std::size_t stream_bytes) {
  constexpr std::size_t kLargeStream = std::size_t{256} << 20;
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kQ4_K:
    case DType::kQ6_K:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ5_K:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
    case DType::kMXFP4:
    case DType::kQ2_K:
    case DType::kQ3_K:
      return true;
    case DType::kQ8_0:
      return stream_bytes <= kLargeStream;
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return false;
  }
  return false;
}

// Each thread's weights begin on a page.
std::size_t ThreadRegionBytes(const ThreadShare& share) {
  return (share.stream_bytes + 4095) / 4096 * 4096;
}

// Gives back the file's memory behind weights as they are packed, so that file and packed weights
// are never in memory together. Whole weights, because a page fault brings back the neighbours too,
// which another thread may have given back before; what is still to be packed is faulted in again.
class PackedWeights {
 public:
  explicit PackedWeights(const HostOptions& options) : forget_(options.forget) {}
  ~PackedWeights() { Flush(); }

  void Add(std::span<const std::byte> weight, std::size_t packed_bytes) {
    if (!forget_) return;
    if (weights_.empty() || weights_.back().data() != weight.data()) weights_.push_back(weight);
    total_ += packed_bytes;
    if (total_ >= kPieceBytes) Flush();
  }

 private:
  static constexpr std::size_t kPieceBytes = std::size_t{8} << 20;

  void Flush() {
    for (const std::span<const std::byte> weight : weights_) forget_(weight);
    weights_.clear();
    total_ = 0;
  }

  const std::function<void(std::span<const std::byte>)>& forget_;
  std::vector<std::span<const std::byte>> weights_;
  std::size_t total_ = 0;
};

void Pack(const Graph& graph, ByteForm form, const PackedRows& rows, std::byte* out,
          PackedWeights& packed) {
  const Weight& weight = graph.weight(rows.weight);
  const std::size_t row_bytes = RowBytes(weight.dtype, rows.packed.columns);
  const std::byte* first = weight.bytes.data() + rows.first_row * row_bytes;
  for (std::size_t tile = 0; tile < rows.packed.tiles(); ++tile) {
    const std::byte* pointers[kTileRows] = {};
    for (std::size_t r = 0; r < kTileRows && tile * kTileRows + r < rows.packed.rows; ++r) {
      pointers[r] = first + (tile * kTileRows + r) * row_bytes;
    }
    PackTile(weight.dtype, form, rows.packed.columns, pointers,
             out + tile * rows.packed.tile_bytes());
    packed.Add(weight.bytes, rows.packed.tile_bytes());
  }
}

// The vectors and rope tables that the layers use.
class ParameterReader {
 public:
  ParameterReader(const Graph& graph, std::vector<WeightId>& vectors,
                  std::vector<ExpandedRope>& ropes)
      : graph_(graph), vectors_(vectors), ropes_(ropes) {}

  void Read(const Transformer& transformer) {
    for (const TransformerLayer& layer : transformer.layers) {
      Add(layer.attention.norm);
      std::visit([this](const auto& inputs) { AddInputs(inputs); }, layer.attention.inputs);
      Add(layer.attention.attention.sinks);
      Add(layer.attention.output.bias);
      Add(layer.attention.post_norm);
      Add(layer.feed_forward.norm);
      std::visit([this](const auto& part) { AddPart(part); }, layer.feed_forward.inner);
      Add(layer.feed_forward.post_norm);
    }
    Add(transformer.output_norm);
    Add(transformer.output.bias);
  }

 private:
  void Add(WeightId id) {
    if (std::find(vectors_.begin(), vectors_.end(), id) == vectors_.end()) vectors_.push_back(id);
  }
  void Add(const Norm& norm) { Add(norm.weight); }
  template <typename T>
  void Add(const std::optional<T>& part) {
    if (part) Add(*part);
  }
  void Add(const Rope& rope) {
    for (const ExpandedRope& known : ropes_) {
      if (known.table == rope.table && known.pairs == rope.pairs) return;
    }
    const std::size_t pairs = graph_.rope_tables[rope.table.index()].frequencies.size();
    ropes_.push_back({.table = rope.table, .pairs = rope.pairs, .rotary = 2 * pairs});
  }

  void AddInputs(const HeadAttention& inputs) {
    for (const Projection& p : {inputs.query, inputs.key, inputs.value}) Add(p.bias);
    Add(inputs.query_norm);
    Add(inputs.key_norm);
    Add(inputs.query_rope);
    Add(inputs.key_rope);
  }
  void AddInputs(const LatentAttention& inputs) {
    if (inputs.query_down) Add(inputs.query_down->bias);
    Add(inputs.query_down_norm);
    for (const Projection& p : {inputs.query, inputs.key_latent, inputs.key_rotated}) Add(p.bias);
    Add(inputs.latent_norm);
    Add(inputs.query_rope);
    Add(inputs.key_rope);
  }
  void AddPart(const GatedPart& part) {
    for (const Projection& p : {part.gate, part.up, part.down}) Add(p.bias);
  }
  void AddPart(const ExpertsPart& part) {
    Add(part.router.bias);
    Add(part.route.selection_bias);
    for (const auto& bias :
         {part.experts.gate_bias, part.experts.up_bias, part.experts.down_bias}) {
      Add(bias);
    }
    if (part.shared) AddPart(*part.shared);
  }

  const Graph& graph_;
  std::vector<WeightId>& vectors_;
  std::vector<ExpandedRope>& ropes_;
};

}  // namespace

std::string_view Name(KvType type) {
  switch (type) {
    case KvType::kF32:
      return "F32";
    case KvType::kF16:
      return "F16";
    case KvType::kQ8_0:
      return "Q8_0";
  }
  MILLRACE_CHECK(false);
  return "";
}

Result<HostPlan> HostPlan::Build(const Graph& graph, const HostOptions& options, Team& team) {
  MILLRACE_CHECK(options.threads == team.threads());
  HostPlan plan;
  plan.graph_ = &graph;
  plan.options_ = options;
  plan.kernels_ = &KernelsFor(options.level);
  MILLRACE_TRY(plan.transformer_, RecogniseTransformer(graph));
  MILLRACE_TRY(plan.shape_, ReadShape(graph, plan.transformer_, options.threads));
  plan.shares = DivideRows(graph, plan.transformer_, plan.shape_, options.threads);
  ParameterReader(graph, plan.vector_ids_, plan.ropes_).Read(plan.transformer_);
  // Whole tokens: all query heads that a thread attends with at once.
  std::size_t heads = 1;
  for (const ThreadShare& share : plan.shares) {
    for (const HeadRows& rows : share.layers.front().heads) heads = std::max(heads, rows.heads);
    const auto& latent = share.layers.front().latent;
    if (latent) heads = std::max(heads, latent->heads.size());
  }
  plan.attention_rows_ = std::max(kAttentionRows, heads);
  plan.key_block_bytes_ = plan.cache_kernels().key_block_bytes(plan.shape_.head_dim);
  plan.head_block_bytes_ =
      plan.key_block_bytes_ + plan.cache_kernels().value_block_bytes(plan.shape_.value_dim);
  plan.PlaceKvBlocks();
  MILLRACE_TRY_VOID(plan.CheckMemory());
  MILLRACE_TRY_VOID(plan.PlaceActivations());
  MILLRACE_TRY_VOID(plan.PlaceWeights(team));
  return plan;
}

const CacheKernels& HostPlan::cache_kernels() const {
  switch (options_.kv_type) {
    case KvType::kF32:
      return kernels_->f32_cache;
    case KvType::kF16:
      return kernels_->f16_cache;
    case KvType::kQ8_0:
      return kernels_->q8_cache;
  }
  MILLRACE_CHECK(false);
  return kernels_->f32_cache;
}

const ExpandedRope& HostPlan::rope(const Rope& rope) const {
  for (const ExpandedRope& known : ropes_) {
    if (known.table == rope.table && known.pairs == rope.pairs) return known;
  }
  MILLRACE_CHECK(false);
  return ropes_.front();
}

// All together, before any of it is touched: the system hands out more than it has, and kills
// later.
Result<void> HostPlan::CheckMemory() {
  for (ThreadShare& share : shares) {
    ForEachRows(share, [&](const PackedRows& rows) { share.stream_bytes += rows.packed.bytes(); });
    for (LayerShare& layer : share.layers) {
      for (GatedRows& expert : layer.experts) {
        ForEachRows(expert,
                    [&](const PackedRows& rows) { share.expert_bytes += rows.packed.bytes(); });
      }
    }
    weight_bytes_ += ThreadRegionBytes(share);
  }
  Placement activations(nullptr);
  LayOut(activations);
  const std::size_t available = AvailableMemoryBytes();
  const std::size_t needed = weight_bytes_ + activations.size_bytes() + KvBytes();
  if (needed > available) {
    return Exhausted(
        "model: needs {} bytes of memory ({} for weights, {} for a KV cache of {} positions, {} "
        "for "
        "activations), {} are available",
        needed, weight_bytes_, KvBytes(), static_cast<std::int64_t>(options_.kv_blocks) * 64,
        activations.size_bytes(), available);
  }
  return {};
}

void HostPlan::PlaceKvBlocks() {
  std::size_t first_byte = 0;
  for (const TransformerLayer& layer : transformer_.layers) {
    const std::int32_t window = layer.attention.attention.window;
    const bool has_window = window > 0 && options_.window_blocks > 0;
    if (has_window) window_ = std::max(window_, window);
    const auto blocks =
        static_cast<std::size_t>(has_window ? options_.window_blocks : options_.kv_blocks);
    kv_places_.push_back({first_byte, blocks, has_window});
    first_byte += blocks * shape_.kv_heads * head_block_bytes_;
  }
}

std::size_t HostPlan::KvBytes() const {
  const KvPlace& last = kv_places_.back();
  return last.first_byte + last.blocks * shape_.kv_heads * head_block_bytes_;
}

Result<void> HostPlan::PlaceWeights(Team& team) {
  std::vector<std::size_t> begins;
  std::size_t begin = 0;
  for (const ThreadShare& share : shares) {
    begins.push_back(begin);
    begin += ThreadRegionBytes(share);
  }
  MILLRACE_TRY(weight_arena_, Arena::Reserve(weight_bytes_, "weights"));
  team.Run([&](int thread) {  // each thread packs, and so first touches, what it will read
    const auto index = static_cast<std::size_t>(thread);
    std::byte* out = weight_arena_.data() + begins[index];
    PackedWeights packed(options_);
    ForEachRows(shares[index], [&](PackedRows& rows) {
      if (rows.packed.rows == 0) return;
      rows.packed.data = out;
      rows.packed.prefetch = WantsPrefetch(rows.packed.dtype, weight_bytes_);
      Pack(*graph_, kernels_->byte_form, rows, out, packed);
      out += rows.packed.bytes();
    });
  });
  return {};
}

// The blocks of one head lie side by side, so that a sequence whose blocks have consecutive numbers
// (as a fresh pool gives them) is one contiguous stream a head.
std::byte* HostPlan::keys(const StepSequence& sequence, std::size_t position, std::size_t layer,
                          std::size_t kv_head) const {
  const KvPlace& place = kv_places_[layer];
  const auto& table = place.has_window ? sequence.window_blocks : sequence.kv_blocks;
  const auto block = static_cast<std::size_t>(table[position / kKvBlock]);
  return kv_arena_.data() + place.first_byte + (kv_head * place.blocks + block) * head_block_bytes_;
}

}  // namespace millrace

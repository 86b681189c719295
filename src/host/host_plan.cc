#include "host/host_plan.h"

#include <algorithm>
#include <cstring>

#include "graph/rope_angles.h"

namespace millrace {
namespace {

constexpr std::size_t kAttentionRows = 64;
constexpr std::size_t kFfnUnit =
    kActivationBlock;  // rows of gate and up that one block of the product needs

// Part `index` of `parts` of [0, n), in multiples of `unit`, as even as possible.
Range Part(std::size_t n, std::size_t unit, std::size_t index, std::size_t parts) {
  const std::size_t units = (n + unit - 1) / unit;
  return {std::min(n, units * index / parts * unit),
          std::min(n, units * (index + 1) / parts * unit)};
}

std::size_t Padded(std::size_t rows) { return (rows + kTileRows - 1) / kTileRows * kTileRows; }

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

// Calls function(PackedRows&) for everything a thread packs, in the order in which a step reads it.
template <typename Function>
void ForEachRows(ThreadShare& share, Function function) {
  for (LayerShare& layer : share.layers) {
    for (KvHeadRows& head : layer.kv_heads) {
      function(head.query);
      function(head.key);
      function(head.value);
    }
    function(layer.attention_output);
    for (FfnPanel& panel : layer.ffn_panels) {
      function(panel.gate);
      function(panel.up);
    }
    function(layer.down);
  }
  function(share.output);
}

// Each thread's weights begin on a page.
std::size_t ThreadRegionBytes(const ThreadShare& share) {
  return (share.stream_bytes + 4095) / 4096 * 4096;
}

void Pack(const Graph& graph, ByteForm form, const PackedRows& rows, std::byte* out) {
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
  }
}

}  // namespace

Result<HostPlan> HostPlan::Build(const Graph& graph, const HostOptions& options, Team& team) {
  MILLRACE_CHECK(options.threads == team.threads());
  HostPlan plan;
  plan.graph_ = &graph;
  plan.options_ = options;
  plan.kernels_ = &KernelsFor(options.level);
  MILLRACE_TRY(plan.transformer_, RecogniseTransformer(graph));
  MILLRACE_TRY_VOID(plan.ReadShape());
  plan.DivideRows();
  MILLRACE_TRY_VOID(plan.CheckMemory());
  MILLRACE_TRY_VOID(plan.PlaceActivations());
  MILLRACE_TRY_VOID(plan.PlaceWeights(team));
  return plan;
}

Result<void> HostPlan::ReadShape() {
  if (transformer_.layers.empty()) return Unsupported("graph: no transformer layer");
  const TransformerLayer& first = transformer_.layers.front();
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  shape_ = {.hidden = size(graph_->weight(transformer_.embedding).columns),
            .heads = size(first.attention.heads),
            .kv_heads = size(first.attention.kv_heads),
            .head_dim = size(first.attention.head_dim),
            .rotary = 2 * graph_->rope_tables[first.query_rope.table.index()].frequencies.size(),
            .ffn = size(graph_->weight(first.gate).rows),
            .vocabulary = size(graph_->weight(transformer_.output).rows),
            .layers = transformer_.layers.size()};
  for (const TransformerLayer& layer : transformer_.layers) {
    const Attention& a = layer.attention;
    if (a.heads != first.attention.heads || a.kv_heads != first.attention.kv_heads ||
        a.head_dim != first.attention.head_dim ||
        size(graph_->weight(layer.gate).rows) != shape_.ffn) {
      return Unsupported("graph: layer {} has other dimensions than the first", a.layer);
    }
    if (layer.query_rope.table != first.query_rope.table ||
        layer.key_rope.table != first.query_rope.table) {
      return Unsupported("graph: layer {} has a rope table of its own", a.layer);
    }
  }
  key_block_bytes_ = KeyBlockBytes(shape_.head_dim, cache_kernels().element_bytes);
  head_block_bytes_ =
      key_block_bytes_ + ValueBlockBytes(shape_.head_dim, cache_kernels().element_bytes);
  return {};
}

void HostPlan::DivideRows() {
  const auto threads = static_cast<std::size_t>(options_.threads);
  const auto rows = [this](WeightId id, Range range) {
    const Weight& weight = graph_->weight(id);
    return PackedRows{.weight = id,
                      .first_row = range.begin,
                      .packed = {.dtype = weight.dtype,
                                 .rows = range.size(),
                                 .columns = static_cast<std::size_t>(weight.columns),
                                 .data = nullptr}};
  };
  shares.resize(threads);
  for (std::size_t thread = 0; thread < threads; ++thread) {
    const Range kv_heads = Part(shape_.kv_heads, 1, thread, threads);
    const Range hidden = Part(shape_.hidden, kTileRows, thread, threads);
    const Range ffn = Part(shape_.ffn, kFfnUnit, thread, threads);
    for (const TransformerLayer& layer : transformer_.layers) {
      LayerShare& share = shares[thread].layers.emplace_back();
      for (std::size_t g = kv_heads.begin; g < kv_heads.end; ++g) {
        const std::size_t query_rows = shape_.group() * shape_.head_dim;
        const Range own{g * shape_.head_dim, (g + 1) * shape_.head_dim};
        share.kv_heads.push_back(
            {.kv_head = g,
             .query = rows(layer.query, {g * query_rows, (g + 1) * query_rows}),
             .key = rows(layer.key, own),
             .value = rows(layer.value, own)});
      }
      share.attention_output = rows(layer.attention_output, hidden);
      for (std::size_t begin = ffn.begin; begin < ffn.end; begin += kFfnPanelRows) {
        const Range panel{begin, std::min(ffn.end, begin + kFfnPanelRows)};
        share.ffn_panels.push_back({.gate = rows(layer.gate, panel), .up = rows(layer.up, panel)});
      }
      share.down = rows(layer.down, hidden);
    }
    shares[thread].output =
        rows(transformer_.output, Part(shape_.vocabulary, kTileRows, thread, threads));
  }
}

// All together, before any of it is touched: the system hands out more than it has, and kills
// later.
Result<void> HostPlan::CheckMemory() {
  for (ThreadShare& share : shares) {
    ForEachRows(share, [&](const PackedRows& rows) { share.stream_bytes += rows.packed.bytes(); });
    weight_bytes_ += ThreadRegionBytes(share);
  }
  Placement activations(nullptr);
  LayOutActivations(activations);
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

std::size_t HostPlan::KvBytes() const {
  return static_cast<std::size_t>(options_.kv_blocks) * shape_.layers * shape_.kv_heads *
         head_block_bytes_;
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
    ForEachRows(shares[index], [&](PackedRows& rows) {
      rows.packed.data = out;
      rows.packed.prefetch = WantsPrefetch(rows.packed.dtype, weight_bytes_);
      Pack(*graph_, kernels_->byte_form, rows, out);
      out += rows.packed.bytes();
    });
  });
  return {};
}

Result<void> HostPlan::PlaceActivations() {
  Placement measure(nullptr);
  LayOutActivations(measure);
  MILLRACE_TRY(activation_arena_, Arena::Reserve(measure.size_bytes(), "activations"));
  Placement place(activation_arena_.data());
  LayOutActivations(place);

  const auto fill = [&](const float* to, WeightId id) {
    const Weight& norm = graph_->weight(id);
    MILLRACE_CHECK(norm.dtype == DType::kF32);
    std::memcpy(const_cast<float*>(to), norm.bytes.data(), shape_.hidden * sizeof(float));
  };
  for (std::size_t i = 0; i < shape_.layers; ++i) {
    fill(attention_norms[i], transformer_.layers[i].attention_norm.weight);
    fill(ffn_norms[i], transformer_.layers[i].ffn_norm.weight);
  }
  fill(output_norm, transformer_.output_norm.weight);

  const RopeTable& table =
      graph_->rope_tables[transformer_.layers.front().query_rope.table.index()];
  const RopeAngles angles = BuildRopeAngles(table, static_cast<std::size_t>(options_.context));
  for (std::size_t i = 0; i < angles.cosine.size(); ++i) {
    cosines_[2 * i] = cosines_[2 * i + 1] = angles.cosine[i];
    sines_[2 * i] = -angles.sine[i];
    sines_[2 * i + 1] = angles.sine[i];
  }

  MILLRACE_TRY(kv_arena_, Arena::Reserve(KvBytes(), "KV cache"));
  return {};
}

void HostPlan::LayOutActivations(Placement& placement) {
  const auto tokens = static_cast<std::size_t>(options_.max_tokens);
  const auto logit_rows = static_cast<std::size_t>(options_.max_logit_rows);
  InputForms normed, attention, ffn, logits;
  for (const TransformerLayer& layer : transformer_.layers) {
    for (const WeightId id : {layer.query, layer.key, layer.value, layer.gate, layer.up}) {
      normed.Add(graph_->weight(id).dtype);
    }
    attention.Add(graph_->weight(layer.attention_output).dtype);
    ffn.Add(graph_->weight(layer.down).dtype);
  }
  logits.Add(graph_->weight(transformer_.output).dtype);

  attention_norms.assign(shape_.layers, nullptr);
  ffn_norms.assign(shape_.layers, nullptr);
  for (std::size_t i = 0; i < shape_.layers; ++i) {
    attention_norms[i] = placement.Take<float>(shape_.hidden);
    ffn_norms[i] = placement.Take<float>(shape_.hidden);
  }
  output_norm = placement.Take<float>(shape_.hidden);
  cosines_ = placement.Take<float>(static_cast<std::size_t>(options_.context) * shape_.rotary);
  sines_ = placement.Take<float>(static_cast<std::size_t>(options_.context) * shape_.rotary);

  buffers.residual = placement.Take<float>(tokens * shape_.hidden);
  buffers.attention = placement.Take<float>(tokens * shape_.attention_columns());
  buffers.ffn = placement.Take<float>(tokens * shape_.ffn);
  buffers.normed_input = PreparedInput(normed, tokens, shape_.hidden, placement);
  buffers.attention_input = PreparedInput(attention, tokens, shape_.attention_columns(), placement);
  buffers.ffn_input = PreparedInput(ffn, tokens, shape_.ffn, placement);
  buffers.logit_input = PreparedInput(logits, logit_rows, shape_.hidden, placement);
  buffers.logits = placement.Take<float>(logit_rows * logit_stride());
  scratch.assign(static_cast<std::size_t>(options_.threads), {});
  for (ThreadScratch& own : scratch) {
    LayOutScratch(placement, own);
    InputForms row = normed;
    row.Add(graph_->weight(transformer_.output).dtype);
    own.row_input = PreparedInput(row, 1, shape_.hidden, placement);
    own.attention_input = PreparedInput(attention, 1, shape_.attention_columns(), placement);
  }
}

void HostPlan::LayOutScratch(Placement& placement, ThreadScratch& own) {
  const auto tokens = static_cast<std::size_t>(options_.max_tokens);
  const std::size_t rows = attention_rows();
  // One row of outputs can be as long as the largest share of a matrix with `hidden` rows.
  own.normed = placement.Take<float>(Padded(shape_.hidden));
  own.query = placement.Take<float>(tokens * Padded(shape_.group() * shape_.head_dim));
  own.key = placement.Take<float>(tokens * Padded(shape_.head_dim));
  own.value = placement.Take<float>(tokens * Padded(shape_.head_dim));
  own.gate = placement.Take<float>(tokens * kFfnPanelRows);
  own.up = placement.Take<float>(tokens * kFfnPanelRows);
  own.product = placement.Take<float>(std::max(Padded(shape_.hidden), tokens * kFfnPanelRows));
  own.prepared_query = placement.Take<float>(rows * shape_.head_dim);
  own.attention = {.max = placement.Take<float>(rows),
                   .sum = placement.Take<float>(rows),
                   .acc = placement.Take<float>(rows * PaddedHeadDim(shape_.head_dim)),
                   .probabilities = placement.Take<float>(rows * kKvBlock)};
  own.counts = placement.Take<std::int32_t>(rows);
}

std::size_t HostPlan::attention_rows() const {
  // Whole tokens: all query heads of a key-value head together.
  return std::max<std::size_t>(1, kAttentionRows / shape_.group()) * shape_.group();
}

// The blocks of one head lie side by side, so that a sequence whose blocks have consecutive numbers
// (as a fresh pool gives them) is one contiguous stream a head.
std::byte* HostPlan::keys(std::int32_t block, std::size_t layer, std::size_t kv_head) const {
  const std::size_t head = layer * shape_.kv_heads + kv_head;
  const std::size_t index =
      head * static_cast<std::size_t>(options_.kv_blocks) + static_cast<std::size_t>(block);
  return kv_arena_.data() + index * head_block_bytes_;
}

double HostPlan::bytes_per_token(std::int64_t positions) const {
  double bytes = 0;
  for (const ThreadShare& share : shares) bytes += static_cast<double>(share.stream_bytes);
  bytes +=
      static_cast<double>(RowBytes(graph_->weight(transformer_.embedding).dtype, shape_.hidden));
  const auto cached =
      static_cast<double>(shape_.layers * shape_.kv_heads * head_block_bytes_) / kKvBlock;
  return bytes + cached * static_cast<double>(positions);
}

double HostPlan::multiply_adds_per_token(std::int64_t positions) const {
  double weights = 0;
  for (const TransformerLayer& layer : transformer_.layers) {
    for (const WeightId id : {layer.query, layer.key, layer.value, layer.attention_output,
                              layer.gate, layer.up, layer.down}) {
      weights += static_cast<double>(graph_->weight(id).rows) *
                 static_cast<double>(graph_->weight(id).columns);
    }
  }
  weights += static_cast<double>(shape_.vocabulary * shape_.hidden);
  const auto attention = static_cast<double>(2 * shape_.layers * shape_.attention_columns());
  return weights + attention * static_cast<double>(positions);
}

}  // namespace millrace

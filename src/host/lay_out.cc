// Where activations and tables lie: HostPlan's memory besides weights and KV cache.
#include <algorithm>
#include <cstring>

#include "graph/rope_angles.h"
#include "host/host_plan.h"

namespace millrace {
namespace {

// Which forms the inputs of each kind of matrix need, over all layers.
struct Forms {
  InputForms normed, attention, gated, expert, query_down, nope, latent, logits;
};

class FormReader {
 public:
  explicit FormReader(const Graph& graph) : graph_(graph) {}

  Forms Read(const Transformer& transformer) {
    for (const TransformerLayer& layer : transformer.layers) {
      Add(forms_.attention, layer.attention.output);
      std::visit([this](const auto& inputs) { AddInputs(inputs); }, layer.attention.inputs);
      std::visit([this](const auto& part) { AddPart(part); }, layer.feed_forward.inner);
    }
    Add(forms_.logits, transformer.output);
    return forms_;
  }

 private:
  void Add(InputForms& forms, WeightId id) { forms.Add(graph_.weight(id).dtype); }
  void Add(InputForms& forms, const Projection& projection) { Add(forms, projection.weight); }

  void AddInputs(const HeadAttention& inputs) {
    for (const Projection& p : {inputs.query, inputs.key, inputs.value}) Add(forms_.normed, p);
  }
  void AddInputs(const LatentAttention& inputs) {
    Add(inputs.query_down ? forms_.query_down : forms_.normed, inputs.query);
    if (inputs.query_down) Add(forms_.normed, *inputs.query_down);
    Add(forms_.normed, inputs.key_latent);
    Add(forms_.normed, inputs.key_rotated);
    Add(forms_.nope, inputs.absorb);
    Add(forms_.latent, inputs.expand);
  }
  void AddPart(const GatedPart& part) {
    Add(forms_.normed, part.gate);
    Add(forms_.normed, part.up);
    Add(forms_.gated, part.down);
  }
  void AddPart(const ExpertsPart& part) {
    Add(forms_.normed, part.router);
    Add(forms_.normed, part.experts.gate);
    Add(forms_.normed, part.experts.up);
    Add(forms_.expert, part.experts.down);
    if (part.shared) AddPart(*part.shared);
  }

  const Graph& graph_;
  Forms forms_;
};

void LayOutShared(const Forms& forms, const HostShape& s, std::size_t tokens,
                  std::size_t logit_rows, std::size_t logit_stride, Placement& place,
                  SharedBuffers& b) {
  b.residual = place.Take<float>(tokens * s.hidden);
  b.branch = place.Take<float>(tokens * s.hidden);
  b.attention = place.Take<float>(tokens * s.attention_columns);
  b.normed_input = PreparedInput(forms.normed, tokens, s.hidden, place);
  b.attention_input = PreparedInput(forms.attention, tokens, s.attention_columns, place);
  b.gated_input = PreparedInput(forms.gated, tokens, s.gated, place);
  b.logit_input = PreparedInput(forms.logits, logit_rows, s.hidden, place);
  b.logits = place.Take<float>(logit_rows * logit_stride);
  b.router_logits = place.Take<float>(tokens * s.experts);
  b.routes = place.Take<float>(tokens * s.experts);
  b.expert_input = PreparedInput(forms.expert, tokens * s.chosen, s.expert_rows, place);
  b.query_down = place.Take<float>(tokens * s.query_down);
  b.key_latent = place.Take<float>(tokens * s.latent);
  b.key_rotated = place.Take<float>(tokens * s.rotated);
  b.query_down_input = PreparedInput(forms.query_down, tokens, s.query_down, place);
}

// The most query heads that the thread projects before it attends.
std::size_t OwnHeads(const ThreadShare& share, const HostShape& shape) {
  std::size_t most = 0;
  for (const LayerShare& layer : share.layers) {
    std::size_t own = layer.latent ? layer.latent->heads.size() : 0;
    for (const HeadRows& rows : layer.heads) {
      own = shape.kv_is_shared ? own + rows.heads : std::max(own, rows.heads);
    }
    most = std::max(most, own);
  }
  return most;
}

void LayOutScratch(const Forms& forms, const HostPlan& plan, const ThreadShare& share,
                   Placement& place, ThreadScratch& own) {
  const HostShape& s = plan.shape();
  const auto tokens = static_cast<std::size_t>(plan.options().max_tokens);
  const std::size_t rows = plan.attention_rows(), own_heads = OwnHeads(share, s);
  InputForms row = forms.normed;
  row.Add(forms.logits);
  own.residual = place.Take<float>(s.hidden);
  own.normed = place.Take<float>(std::max({s.hidden, s.query_down, s.latent}));
  own.row_input = PreparedInput(row, 1, s.hidden, place);
  own.attention_input = PreparedInput(forms.attention, 1, s.attention_columns, place);
  // Every head rows' queries are padded to tiles of their own.
  own.query = place.Take<float>(tokens * own_heads * PaddedRows(s.head_dim));
  own.key = place.Take<float>(tokens * PaddedRows(s.head_dim));
  own.value = place.Take<float>(tokens * PaddedRows(s.value_dim));
  own.prepared_query = place.Take<std::byte>(rows * plan.cache_kernels().query_bytes(s.head_dim));
  own.attention = {.max = place.Take<float>(rows),
                   .sum = place.Take<float>(rows),
                   .acc = place.Take<float>(rows * PaddedHeadDim(s.value_dim)),
                   .probabilities = place.Take<float>(rows * kKvBlock)};
  own.begins = place.Take<std::int32_t>(rows);
  own.ends = place.Take<std::int32_t>(rows);
  own.gate = place.Take<float>(tokens * kFfnPanelRows);
  own.up = place.Take<float>(tokens * kFfnPanelRows);
  own.product = place.Take<float>(tokens * kFfnPanelRows);
  if (s.experts != 0) {
    own.gathered_input = PreparedInput(forms.normed, tokens, s.hidden, place);
    own.pair_tokens = place.Take<std::int32_t>(tokens * s.chosen);
    own.pair_begins = place.Take<std::int32_t>(s.experts + 1);
  }
  if (s.has_latent) {
    own.head_query = place.Take<float>(tokens * PaddedRows(s.nope + s.rotated));
    own.latent_out = place.Take<float>(tokens * own_heads * s.latent);
    own.nope_input = PreparedInput(forms.nope, tokens, s.nope, place);
    own.latent_input = PreparedInput(forms.latent, tokens, s.latent, place);
  }
}

}  // namespace

void HostPlan::LayOut(Placement& placement) {
  const auto context = static_cast<std::size_t>(options_.context);
  vectors_.assign(graph_->weights.size(), nullptr);
  for (const WeightId id : vector_ids_) {
    const Weight& weight = graph_->weight(id);
    vectors_[id.index()] =
        placement.Take<float>(static_cast<std::size_t>(weight.rows * weight.columns));
  }
  for (ExpandedRope& rope : ropes_) {
    rope.cosines = placement.Take<float>(context * rope.rotary);
    rope.sines = placement.Take<float>(context * rope.rotary);
  }
  const Forms forms = FormReader(*graph_).Read(transformer_);
  LayOutShared(forms, shape_, static_cast<std::size_t>(options_.max_tokens),
               static_cast<std::size_t>(options_.max_logit_rows), logit_stride(), placement,
               buffers);
  scratch.assign(shares.size(), {});
  for (std::size_t i = 0; i < shares.size(); ++i) {
    LayOutScratch(forms, *this, shares[i], placement, scratch[i]);
  }
}

Result<void> HostPlan::PlaceActivations() {
  Placement measure(nullptr);
  LayOut(measure);
  MILLRACE_TRY(activation_arena_, Arena::Reserve(measure.size_bytes(), "activations"));
  Placement place(activation_arena_.data());
  LayOut(place);
  for (const WeightId id : vector_ids_) {
    const Weight& weight = graph_->weight(id);
    MILLRACE_CHECK(weight.dtype == DType::kF32);
    std::memcpy(vectors_[id.index()], weight.bytes.data(), weight.bytes.size());
  }
  FillRopes();
  MILLRACE_TRY(kv_arena_, Arena::Reserve(KvBytes(), "KV cache"));
  return {};
}

void HostPlan::FillRopes() {
  for (const ExpandedRope& rope : ropes_) {
    const RopeTable& table = graph_->rope_tables[rope.table.index()];
    const auto context = static_cast<std::size_t>(options_.context);
    const RopeAngles angles = BuildRopeAngles(table, context);
    for (std::size_t position = 0; position < context; ++position) {
      for (std::size_t i = 0; i < angles.pairs; ++i) {
        const bool adjacent = rope.pairs == RopePairs::kAdjacent;
        const std::size_t at = position * rope.rotary;
        const std::size_t first = at + (adjacent ? 2 * i : i);
        const std::size_t second = adjacent ? first + 1 : first + angles.pairs;
        const std::size_t angle = position * angles.pairs + i;
        rope.cosines[first] = rope.cosines[second] = angles.cosine[angle];
        rope.sines[first] = -angles.sine[angle];
        rope.sines[second] = angles.sine[angle];
      }
    }
  }
}

}  // namespace millrace

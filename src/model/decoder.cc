#include "model/decoder.h"

#include <cmath>
#include <vector>

#include "model/rope_table.h"

namespace millrace {
namespace {

std::int32_t Int(std::int64_t count) { return static_cast<std::int32_t>(count); }

struct HeadProjections {
  ValueId query, key, value;
};

// From three tensors, or from one that holds the rows of all.
Result<HeadProjections> AppendHeadProjections(DecoderBuilder& decoder, ValueId input,
                                              std::int32_t layer) {
  const ModelConfig& config = decoder.config();
  const std::int64_t hidden = config.hidden, queries = config.heads * config.head_dim,
                     keys = config.kv_heads * config.head_dim,
                     values = config.kv_heads * config.value_dim;
  const auto named = [&](std::string_view name) { return DecoderBuilder::InLayer(layer, name); };
  HeadProjections heads;
  if (decoder.graph().Has(named("attn_qkv.weight"))) {
    const std::string name = named("attn_qkv");
    const std::int64_t rows = queries + keys + values;
    MILLRACE_TRY(heads.query, decoder.AppendRows(input, name, rows, hidden, 0, queries));
    MILLRACE_TRY(heads.key, decoder.AppendRows(input, name, rows, hidden, queries, keys));
    MILLRACE_TRY(heads.value,
                 decoder.AppendRows(input, name, rows, hidden, queries + keys, values));
    return heads;
  }
  MILLRACE_TRY(heads.query, decoder.AppendProjection(input, named("attn_q"), queries, hidden));
  MILLRACE_TRY(heads.key, decoder.AppendProjection(input, named("attn_k"), keys, hidden));
  MILLRACE_TRY(heads.value, decoder.AppendProjection(input, named("attn_v"), values, hidden));
  return heads;
}

}  // namespace

Result<ValueId> AppendHeadAttention(DecoderBuilder& decoder, ValueId input, std::int32_t layer) {
  const ModelConfig& config = decoder.config();
  const DecoderForm& form = decoder.form();
  const auto named = [&](std::string_view name) { return DecoderBuilder::InLayer(layer, name); };
  MILLRACE_TRY(HeadProjections heads, AppendHeadProjections(decoder, input, layer));
  if (form.head_norms) {
    MILLRACE_TRY(heads.query,
                 decoder.AppendNorm(heads.query, named("attn_q_norm.weight"), config.head_dim));
    MILLRACE_TRY(heads.key,
                 decoder.AppendNorm(heads.key, named("attn_k_norm.weight"), config.head_dim));
  }
  const float usual_scale = 1 / std::sqrt(static_cast<float>(config.head_dim));
  Attention attention{.query = decoder.AppendRope(heads.query, layer, config.head_dim, 0),
                      .key = decoder.AppendRope(heads.key, layer, config.head_dim, 0),
                      .value = heads.value,
                      .layer = layer,
                      .heads = Int(config.heads),
                      .kv_heads = Int(config.kv_heads),
                      .head_dim = Int(config.head_dim),
                      .value_dim = Int(config.value_dim),
                      .scale = form.attention_scale == 0 ? usual_scale : form.attention_scale,
                      .window = decoder.Window(layer),
                      .softcap = config.attention_softcap};
  if (form.sinks) {
    MILLRACE_TRY(attention.sinks, decoder.graph().Vector(named("attn_sinks.weight"), config.heads));
  }
  return decoder.AppendProjection(decoder.graph().Append(attention), named("attn_output"),
                                  config.hidden, config.heads * config.value_dim);
}

DecoderBuilder::DecoderBuilder(const ModelConfig& config, const Checkpoint& checkpoint,
                               const DecoderForm& form)
    : config_(config), file_(checkpoint.name()), form_(form), graph_(checkpoint) {}

Result<Graph> DecoderBuilder::Build() && {
  MILLRACE_TRY(rope_table_, AppendRopeTable(config_.rope));
  window_rope_table_ = rope_table_;
  if (form_.window_rope) {
    MILLRACE_TRY(window_rope_table_, AppendRopeTable(*form_.window_rope));
  }
  MILLRACE_TRY(const WeightId embedding,
               graph_.Matrix("token_embd.weight", config_.vocabulary, config_.hidden));
  ValueId x = graph_.Append(Embed{embedding});
  if (form_.embedding_scale != 1) x = graph_.Append(Scale{x, form_.embedding_scale});
  const std::int32_t layers = Int(config_.layers - config_.prediction_layers);
  for (std::int32_t layer = 0; layer < layers; ++layer) {
    MILLRACE_TRY(x, AppendLayer(x, layer));
  }
  for (std::int32_t layer = layers; layer < config_.layers; ++layer) {
    graph_.LeaveOut(InLayer(layer, ""));
  }
  MILLRACE_TRY(x, AppendNorm(x, "output_norm.weight", config_.hidden));
  const char* output = graph_.Has("output.weight") ? "output" : "token_embd";
  MILLRACE_TRY(x, AppendProjection(x, output, config_.vocabulary, config_.hidden));
  if (config_.logit_softcap > 0) x = graph_.Append(Softcap{x, config_.logit_softcap});
  return std::move(graph_).Finish(x);
}

std::string DecoderBuilder::InLayer(std::int32_t layer, std::string_view name) {
  return fmt::format("blk.{}.{}", layer, name);
}

Result<ValueId> DecoderBuilder::AppendProjection(ValueId input, const std::string& name,
                                                 std::int64_t rows, std::int64_t columns) {
  Linear linear{.input = input, .weight = {}};
  MILLRACE_TRY(linear.weight, graph_.Matrix(name + ".weight", rows, columns));
  if (graph_.Has(name + ".bias")) {
    MILLRACE_TRY(linear.bias, graph_.Vector(name + ".bias", rows));
  }
  return graph_.Append(linear);
}

Result<ValueId> DecoderBuilder::AppendRows(ValueId input, const std::string& name,
                                           std::int64_t rows, std::int64_t columns,
                                           std::int64_t begin, std::int64_t count) {
  Linear linear{.input = input, .weight = {}};
  MILLRACE_TRY(linear.weight, graph_.Rows(name + ".weight", rows, columns, begin, count));
  if (graph_.Has(name + ".bias")) {
    MILLRACE_TRY(linear.bias, graph_.Elements(name + ".bias", rows, begin, count));
  }
  return graph_.Append(linear);
}

Result<ValueId> DecoderBuilder::AppendNorm(ValueId input, const std::string& name,
                                           std::int64_t size) {
  MILLRACE_TRY(const WeightId weight, graph_.Vector(name, size));
  return graph_.Append(RmsNorm{input, weight, config_.norm_eps});
}

ValueId DecoderBuilder::AppendRope(ValueId input, std::int32_t layer, std::int64_t head_dim,
                                   std::int64_t first) {
  return graph_.Append(Rope{.input = input,
                            .table = Window(layer) > 0 ? window_rope_table_ : rope_table_,
                            .head_dim = Int(head_dim),
                            .first = Int(first),
                            .pairs = form_.pairs});
}

std::int32_t DecoderBuilder::Window(std::int32_t layer) const {
  if (form_.window_period == 0) return 0;
  const auto at = static_cast<std::size_t>(layer);
  const std::int64_t period =
      config_.window_period == 0 ? form_.window_period : config_.window_period;
  const bool has_window =
      config_.window_layers.empty() ? layer % period < period - 1 : config_.window_layers[at];
  return has_window ? Int(config_.window) : 0;
}

// Divisors of the frequencies: of the whole model (Llama 3.1), or one of two sets by the context
// (long rope, arXiv:2402.13753).
Result<std::vector<float>> DecoderBuilder::RopeDivisors(const RopeConfig& rope) {
  constexpr std::string_view kShort = "rope_factors_short.weight",
                             kLong = "rope_factors_long.weight";
  const std::int64_t pairs = rope.dimensions / 2;
  std::vector<float> divisors;
  std::string_view name = "rope_freqs.weight";
  if (graph_.Has(name)) {
    MILLRACE_TRY(divisors, graph_.Values(name, pairs));
  } else if (graph_.Has(kShort) || graph_.Has(kLong)) {
    MILLRACE_TRY(const std::vector<float> of_short, graph_.Values(kShort, pairs));
    MILLRACE_TRY(const std::vector<float> of_long, graph_.Values(kLong, pairs));
    const bool is_long =
        static_cast<double>(config_.planned_context) > rope.original_context_length;
    divisors = is_long ? of_long : of_short;
    name = is_long ? kLong : kShort;
  }
  for (const float divisor : divisors) {
    if (!std::isfinite(divisor) || divisor <= 0) {
      return Invalid("{}: tensor {} holds {}, wanted numbers above 0", file_, name, divisor);
    }
  }
  return divisors;
}

Result<RopeTableId> DecoderBuilder::AppendRopeTable(const RopeConfig& rope) {
  MILLRACE_TRY(const std::vector<float> divisors, RopeDivisors(rope));
  return graph_.Append(BuildRopeTable(rope, divisors));
}

Result<ValueId> DecoderBuilder::AppendLayer(ValueId x, std::int32_t layer) {
  MILLRACE_TRY(ValueId h, AppendNorm(x, InLayer(layer, "attn_norm.weight"), config_.hidden));
  MILLRACE_TRY(h, form_.attention(*this, h, layer));
  if (form_.post_norms) {
    MILLRACE_TRY(h, AppendNorm(h, InLayer(layer, "post_attention_norm.weight"), config_.hidden));
  }
  x = graph_.Append(Add{x, h});
  MILLRACE_TRY(h, AppendNorm(x, InLayer(layer, form_.ffn_norm), config_.hidden));
  MILLRACE_TRY(h, AppendFeedForward(h, layer));
  if (form_.post_norms) {
    MILLRACE_TRY(h, AppendNorm(h, InLayer(layer, "post_ffw_norm.weight"), config_.hidden));
  }
  return graph_.Append(Add{x, h});
}

Result<ValueId> DecoderBuilder::AppendFeedForward(ValueId input, std::int32_t layer) {
  const ExpertsConfig& experts = config_.experts;
  if (experts.count == 0 || layer < experts.leading_dense) {
    return AppendGated(input, layer, "", config_.ffn);
  }
  MILLRACE_TRY(const ValueId routed, AppendExperts(input, layer));
  if (experts.shared == 0) return routed;
  MILLRACE_TRY(const ValueId shared,
               AppendGated(input, layer, "_shexp", experts.shared * experts.ffn));
  return graph_.Append(Add{routed, shared});
}

Result<ValueId> DecoderBuilder::AppendGated(ValueId input, std::int32_t layer,
                                            std::string_view suffix, std::int64_t ffn) {
  const auto named = [&](std::string_view name) {
    return InLayer(layer, fmt::format("{}{}", name, suffix));
  };
  GateMul product{.gate = {}, .up = {}, .kind = form_.gate};
  if (form_.fused_gate) {
    const std::string name = named("ffn_up");
    MILLRACE_TRY(product.gate, AppendRows(input, name, 2 * ffn, config_.hidden, 0, ffn));
    MILLRACE_TRY(product.up, AppendRows(input, name, 2 * ffn, config_.hidden, ffn, ffn));
  } else {
    MILLRACE_TRY(product.gate, AppendProjection(input, named("ffn_gate"), ffn, config_.hidden));
    MILLRACE_TRY(product.up, AppendProjection(input, named("ffn_up"), ffn, config_.hidden));
  }
  return AppendProjection(graph_.Append(product), named("ffn_down"), config_.hidden, ffn);
}

Result<ValueId> DecoderBuilder::AppendExperts(ValueId input, std::int32_t layer) {
  const std::int64_t count = config_.experts.count, ffn = config_.experts.ffn,
                     hidden = config_.hidden;
  const auto named = [&](std::string_view name) { return InLayer(layer, name); };
  const auto bias = [&](std::string_view name,
                        std::int64_t size) -> Result<std::optional<WeightId>> {
    if (!graph_.Has(named(name))) return std::optional<WeightId>();
    MILLRACE_TRY(const WeightId id, graph_.StackedVector(named(name), count, size));
    return std::optional(id);
  };
  Experts experts{.input = input, .kind = form_.gate};
  MILLRACE_TRY(experts.routes, AppendRoute(input, layer));
  MILLRACE_TRY(experts.gate, graph_.Stack(named("ffn_gate_exps.weight"), count, ffn, hidden));
  MILLRACE_TRY(experts.up, graph_.Stack(named("ffn_up_exps.weight"), count, ffn, hidden));
  MILLRACE_TRY(experts.down, graph_.Stack(named("ffn_down_exps.weight"), count, hidden, ffn));
  MILLRACE_TRY(experts.gate_bias, bias("ffn_gate_exps.bias", ffn));
  MILLRACE_TRY(experts.up_bias, bias("ffn_up_exps.bias", ffn));
  MILLRACE_TRY(experts.down_bias, bias("ffn_down_exps.bias", hidden));
  return graph_.Append(experts);
}

Result<ValueId> DecoderBuilder::AppendRoute(ValueId input, std::int32_t layer) {
  const ExpertsConfig& experts = config_.experts;
  Route route{.logits = {},
              .chosen = Int(experts.chosen),
              .weights = form_.route_weights,
              .groups = Int(experts.groups),
              .chosen_groups = Int(experts.chosen_groups),
              .normalise = form_.normalise_routes,
              .scale = experts.scale};
  MILLRACE_TRY(route.logits, AppendProjection(input, InLayer(layer, "ffn_gate_inp"), experts.count,
                                              config_.hidden));
  if (const std::string name = InLayer(layer, "exp_probs_b.bias"); graph_.Has(name)) {
    MILLRACE_TRY(route.selection_bias, graph_.Vector(name, experts.count));
  }
  return graph_.Append(route);
}

Result<Graph> BuildDecoder(const ModelConfig& config, const Checkpoint& checkpoint,
                           const DecoderForm& form) {
  return DecoderBuilder(config, checkpoint, form).Build();
}

}  // namespace millrace

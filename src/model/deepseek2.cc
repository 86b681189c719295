#include "model/deepseek2.h"

#include <algorithm>
#include <cmath>

#include "model/decoder.h"

namespace millrace {
namespace {

std::int32_t Int(std::int64_t count) { return static_cast<std::int32_t>(count); }

// q or, where queries are compressed, q_b norm q_a: [tokens, heads * key_dim].
Result<ValueId> AppendQueries(DecoderBuilder& decoder, ValueId input, std::int32_t layer) {
  const ModelConfig& config = decoder.config();
  const LatentConfig& latent = config.latent;
  const auto named = [&](std::string_view name) { return DecoderBuilder::InLayer(layer, name); };
  const std::int64_t rows = config.heads * latent.key_dim;
  if (!decoder.graph().Has(named("attn_q_a.weight"))) {
    return decoder.AppendProjection(input, named("attn_q"), rows, config.hidden);
  }
  MILLRACE_TRY(ValueId x, decoder.AppendProjection(input, named("attn_q_a"), latent.query_rank,
                                                   config.hidden));
  MILLRACE_TRY(x, decoder.AppendNorm(x, named("attn_q_a_norm.weight"), latent.query_rank));
  return decoder.AppendProjection(x, named("attn_q_b"), rows, latent.query_rank);
}

// Queries against the latent keys.
Result<ValueId> AppendAbsorbedQueries(DecoderBuilder& decoder, ValueId input, std::int32_t layer) {
  const ModelConfig& config = decoder.config();
  const std::int64_t rotated = config.rope.dimensions, nope = config.latent.key_dim - rotated;
  GraphBuilder& graph = decoder.graph();
  MILLRACE_TRY(const ValueId query, AppendQueries(decoder, input, layer));
  const ValueId plain = graph.Append(HeadSlice{query, Int(config.heads), 0, Int(nope)});
  const ValueId turned =
      decoder.AppendRope(graph.Append(HeadSlice{query, Int(config.heads), Int(nope), Int(rotated)}),
                         layer, rotated, 0);
  Linear absorb{.input = plain, .weight = {}, .groups = Int(config.heads)};
  MILLRACE_TRY(absorb.weight, graph.Stack(DecoderBuilder::InLayer(layer, "attn_k_b.weight"),
                                          config.heads, config.latent.kv_rank, nope));
  return graph.Append(HeadConcat{graph.Append(absorb), turned, Int(config.heads)});
}

Result<ValueId> AppendLatentAttention(DecoderBuilder& decoder, ValueId input, std::int32_t layer) {
  const ModelConfig& config = decoder.config();
  const LatentConfig& latent = config.latent;
  const std::int64_t rotated = config.rope.dimensions, rows = latent.kv_rank + rotated;
  const auto named = [&](std::string_view name) { return DecoderBuilder::InLayer(layer, name); };
  GraphBuilder& graph = decoder.graph();
  MILLRACE_TRY(const ValueId query, AppendAbsorbedQueries(decoder, input, layer));
  MILLRACE_TRY(ValueId value, decoder.AppendRows(input, named("attn_kv_a_mqa"), rows, config.hidden,
                                                 0, latent.kv_rank));
  MILLRACE_TRY(ValueId key, decoder.AppendRows(input, named("attn_kv_a_mqa"), rows, config.hidden,
                                               latent.kv_rank, rotated));
  MILLRACE_TRY(value, decoder.AppendNorm(value, named("attn_kv_a_norm.weight"), latent.kv_rank));
  key = graph.Append(HeadConcat{value, decoder.AppendRope(key, layer, rotated, 0), 1});
  const ValueId attended = graph.Append(Attention{.query = query,
                                                  .key = key,
                                                  .value = value,
                                                  .layer = layer,
                                                  .heads = Int(config.heads),
                                                  .kv_heads = 1,
                                                  .head_dim = Int(rows),
                                                  .value_dim = Int(latent.kv_rank),
                                                  .scale = decoder.form().attention_scale});
  Linear expand{.input = attended, .weight = {}, .groups = Int(config.heads)};
  MILLRACE_TRY(expand.weight, graph.Stack(named("attn_v_b.weight"), config.heads, latent.value_dim,
                                          latent.kv_rank));
  return decoder.AppendProjection(graph.Append(expand), named("attn_output"), config.hidden,
                                  config.heads * latent.value_dim);
}

// Sizes that the file's keys give, or have to.
Result<void> CheckLatent(const ModelConfig& config, const Checkpoint& checkpoint) {
  const LatentConfig& latent = config.latent;
  if (checkpoint.Find("blk.0.attn_kv_b.weight") != nullptr) {
    return Unsupported(
        "{}: tensor blk.0.attn_kv_b.weight is of an old file, supported: attn_k_b and attn_v_b, "
        "which newer converters write",
        checkpoint.name());
  }
  constexpr std::int64_t kLargest = 0x7fffffff;
  if (latent.kv_rank == 0 || latent.key_dim <= config.rope.dimensions || latent.value_dim == 0 ||
      latent.key_dim > kLargest / config.heads || latent.value_dim > kLargest / config.heads ||
      latent.kv_rank > kLargest / config.heads - config.rope.dimensions) {
    return Invalid(
        "{}: metadata keys deepseek2.attention.kv_lora_rank, key_length_mla and value_length_mla "
        "are {}, {} and {}, wanted 1 or more, and keys longer than the {} rotated dimensions",
        checkpoint.name(), latent.kv_rank, latent.key_dim, latent.value_dim,
        config.rope.dimensions);
  }
  return {};
}

// YaRN as these models use it: the file's multiplier, 0.1 mscale_all_dim, goes into the scale of
// the scores, twice (for query and key), and cosine and sine are not magnified.
DecoderForm FormOf(const ModelConfig& config, RopeConfig& rope) {
  DecoderForm form{.attention = AppendLatentAttention,
                   .route_weights = config.experts.weights,
                   .normalise_routes = config.experts.normalise};
  double magnitude = rope.attention_factor;
  if (rope.scaling == RopeScaling::kYarn && rope.extrapolation != 0) {
    const double logarithm = std::log(std::max(1.0, rope.factor));
    if (rope.log_multiplier == 0) {
      magnitude *= 1 + rope.magnitude_slope * logarithm;
    } else {
      magnitude *= 1 + rope.log_multiplier * logarithm;
      rope.magnitude_slope = 0;
    }
  }
  form.attention_scale = static_cast<float>(magnitude * magnitude /
                                            std::sqrt(static_cast<double>(config.latent.key_dim)));
  return form;
}

}  // namespace

Result<Graph> BuildDeepseek2(const ModelConfig& config, const Checkpoint& checkpoint) {
  MILLRACE_TRY_VOID(CheckLatent(config, checkpoint));
  ModelConfig adjusted = config;
  const DecoderForm form = FormOf(config, adjusted.rope);
  return BuildDecoder(adjusted, checkpoint, form);
}

}  // namespace millrace

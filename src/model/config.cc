#include "model/config.h"

#include <cmath>

#include "model/config_keys.h"

namespace millrace {
namespace {

constexpr std::int64_t kLargestHead = 65536;

Result<RopeScaling> ParseScaling(const ConfigKeys& keys) {
  MILLRACE_TRY(const std::string_view type, keys.Text("rope.scaling.type", "linear"));
  if (type == "none") return RopeScaling::kNone;
  if (type == "linear") return RopeScaling::kLinear;
  if (type == "yarn") return RopeScaling::kYarn;
  // Its factors are tensors; a factor beside them would mean what that of linear scaling does.
  if (type == "longrope") return RopeScaling::kLinear;
  return Unsupported("{}: metadata key {} is '{}', supported: none, linear, yarn, longrope",
                     keys.file(), keys.Full("rope.scaling.type"), type);
}

Result<RopeConfig> ParseRope(const ConfigKeys& keys, const ModelConfig& config) {
  RopeConfig rope;
  MILLRACE_TRY(rope.dimensions, keys.Count("rope.dimension_count", config.head_dim));
  if (rope.dimensions % 2 != 0 || rope.dimensions > config.head_dim) {
    return Invalid("{}: metadata key {} is {}, wanted an even number up to the head size {}",
                   keys.file(), keys.Full("rope.dimension_count"), rope.dimensions,
                   config.head_dim);
  }
  MILLRACE_TRY(rope.base, keys.Positive("rope.freq_base", rope.base));
  MILLRACE_TRY(rope.scaling, ParseScaling(keys));
  // Old files have the factor of linear scaling under another name; 0 means none.
  const std::string_view factor_key =
      keys.Has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  MILLRACE_TRY(const double factor, keys.NotNegative(factor_key, 1));
  rope.factor = factor == 0 ? 1 : factor;
  MILLRACE_TRY(rope.attention_factor, keys.Positive("rope.scaling.attn_factor", 1));
  MILLRACE_TRY(rope.original_context_length,
               keys.Positive("rope.scaling.original_context_length",
                             static_cast<double>(config.context_length)));
  MILLRACE_TRY(rope.beta_fast, keys.Positive("rope.scaling.yarn_beta_fast", rope.beta_fast));
  MILLRACE_TRY(rope.beta_slow, keys.Positive("rope.scaling.yarn_beta_slow", rope.beta_slow));
  MILLRACE_TRY(rope.extrapolation, keys.NotNegative("rope.scaling.yarn_ext_factor", 1));
  MILLRACE_TRY(rope.log_multiplier, keys.NotNegative("rope.scaling.yarn_log_multiplier", 0));
  if (rope.scaling == RopeScaling::kYarn && rope.base <= 1) {
    return Invalid("{}: metadata key {} is {}, wanted more than 1 for YaRN", keys.file(),
                   keys.Full("rope.freq_base"), rope.base);
  }
  return rope;
}

// The counts of heads and their size, which must fit each other.
Result<void> ParseHeads(const ConfigKeys& keys, ModelConfig& config) {
  MILLRACE_TRY(config.heads, keys.Count("attention.head_count"));
  MILLRACE_TRY(config.kv_heads, keys.Count("attention.head_count_kv", config.heads));
  if (config.heads % config.kv_heads != 0) {
    return Invalid("{}: {} heads share {} key-value heads, wanted a multiple", keys.file(),
                   config.heads, config.kv_heads);
  }
  if (!keys.Has("attention.key_length") && config.hidden % config.heads != 0) {
    return Invalid("{}: hidden size {} is not a multiple of {} heads, and {} is missing",
                   keys.file(), config.hidden, config.heads, keys.Full("attention.key_length"));
  }
  MILLRACE_TRY(config.head_dim, keys.Count("attention.key_length", config.hidden / config.heads));
  // A table of frequencies is made before any tensor shows the size to be true.
  if (config.head_dim > kLargestHead) {
    return Invalid("{}: the head size is {}, wanted at most {}", keys.file(), config.head_dim,
                   kLargestHead);
  }
  if (config.head_dim % 2 != 0) {
    return Invalid("{}: the head size is {}, wanted an even number", keys.file(), config.head_dim);
  }
  MILLRACE_TRY(config.value_dim, keys.Count("attention.value_length", config.head_dim));
  for (const std::int64_t size : {config.head_dim, config.value_dim}) {
    if (size > static_cast<std::int64_t>(ConfigKeys::kLargestCount) / config.heads) {
      return Invalid("{}: {} heads of {} make more than 2147483647 columns", keys.file(),
                     config.heads, size);
    }
  }
  return {};
}

Result<RouteWeights> ParseRouteWeights(const ConfigKeys& keys) {
  MILLRACE_TRY(const std::int64_t function, keys.CountOrNone("expert_gating_func"));
  if (function <= 1) return RouteWeights::kSoftmax;  // 0 and no key are old files
  if (function == 2) return RouteWeights::kSigmoid;
  if (function == 3) return RouteWeights::kSoftmaxOfChosen;
  return Unsupported(
      "{}: metadata key {} is {}, supported: 1 (softmax), 2 (sigmoid), 3 (softmax "
      "of the chosen)",
      keys.file(), keys.Full("expert_gating_func"), function);
}

Result<void> ParseExpertGroups(const ConfigKeys& keys, ExpertsConfig& experts) {
  MILLRACE_TRY(const std::int64_t groups, keys.CountOrNone("expert_group_count"));
  if (groups <= 1) return {};
  experts.groups = groups;
  if (experts.count % groups != 0) {
    return keys.Impossible("expert_group_count", groups,
                           fmt::format("a divisor of {} experts", experts.count));
  }
  MILLRACE_TRY(experts.chosen_groups, keys.Count("expert_group_used_count"));
  const std::int64_t eligible = experts.chosen_groups * (experts.count / groups);
  if (experts.chosen_groups > groups || eligible < experts.chosen) {
    return keys.Impossible(
        "expert_group_used_count", experts.chosen_groups,
        fmt::format("at most {}, and groups enough for {} experts", groups, experts.chosen));
  }
  return {};
}

Result<ExpertsConfig> ParseExperts(const ConfigKeys& keys, std::int64_t ffn, std::int64_t layers) {
  ExpertsConfig experts;
  MILLRACE_TRY(experts.count, keys.CountOrNone("expert_count"));
  if (experts.count == 0) return experts;
  MILLRACE_TRY(experts.chosen, keys.Count("expert_used_count"));
  if (experts.chosen > experts.count) {
    return keys.Impossible("expert_used_count", experts.chosen,
                           fmt::format("at most the {} that there are", experts.count));
  }
  MILLRACE_TRY(experts.ffn, ffn == 0 ? keys.Count("expert_feed_forward_length")
                                     : keys.Count("expert_feed_forward_length", ffn));
  MILLRACE_TRY(experts.shared, keys.CountOrNone("expert_shared_count"));
  if (experts.shared > static_cast<std::int64_t>(ConfigKeys::kLargestCount) / experts.ffn) {
    return keys.Impossible("expert_shared_count", experts.shared, "fewer than 2^31 columns");
  }
  MILLRACE_TRY(experts.leading_dense, keys.CountOrNone("leading_dense_block_count"));
  if (experts.leading_dense > layers) {
    return keys.Impossible("leading_dense_block_count", experts.leading_dense,
                           fmt::format("at most {} layers", layers));
  }
  MILLRACE_TRY(experts.weights, ParseRouteWeights(keys));
  MILLRACE_TRY(experts.normalise, keys.Flag("expert_weights_norm"));
  MILLRACE_TRY(const double scale, keys.NotNegative("expert_weights_scale", 1));
  experts.scale = scale == 0 ? 1.0f : static_cast<float>(scale);
  MILLRACE_TRY_VOID(ParseExpertGroups(keys, experts));
  return experts;
}

Result<LatentConfig> ParseLatent(const ConfigKeys& keys) {
  LatentConfig latent;
  MILLRACE_TRY(latent.query_rank, keys.CountOrNone("attention.q_lora_rank"));
  MILLRACE_TRY(latent.kv_rank, keys.CountOrNone("attention.kv_lora_rank"));
  MILLRACE_TRY(latent.key_dim, keys.CountOrNone("attention.key_length_mla"));
  MILLRACE_TRY(latent.value_dim, keys.CountOrNone("attention.value_length_mla"));
  return latent;
}

Result<void> ParseWindow(const ConfigKeys& keys, ModelConfig& config) {
  MILLRACE_TRY(config.window, keys.CountOrNone("attention.sliding_window"));
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  config.window_layers = keys.Flags(kPattern);
  if (config.window_layers.empty()) {
    MILLRACE_TRY(config.window_period, keys.CountOrNone(kPattern));
  } else if (config.window_layers.size() < static_cast<std::size_t>(config.layers)) {
    return Invalid("{}: metadata key {} has {} layers, wanted {}", keys.file(), keys.Full(kPattern),
                   config.window_layers.size(), config.layers);
  }
  if (keys.Has("rope.freq_base_swa")) {
    MILLRACE_TRY(config.window_rope_base, keys.Positive("rope.freq_base_swa", 0));
  }
  return {};
}

}  // namespace

Result<ModelConfig> ParseConfig(const Checkpoint& checkpoint) {
  ModelConfig config;
  MILLRACE_TRY(config.architecture, checkpoint.GetString("general.architecture"));
  MILLRACE_TRY(config.name, checkpoint.GetString("general.name", ""));
  const ConfigKeys keys(checkpoint, config.architecture);
  MILLRACE_TRY(config.context_length, keys.Count("context_length"));
  MILLRACE_TRY(config.layers, keys.Count("block_count"));
  MILLRACE_TRY(config.hidden, keys.Count("embedding_length"));
  MILLRACE_TRY(config.prediction_layers, keys.CountOrNone("nextn_predict_layers"));
  if (config.prediction_layers >= config.layers) {
    return keys.Impossible("nextn_predict_layers", config.prediction_layers,
                           fmt::format("fewer than {} layers", config.layers));
  }
  const bool has_ffn = keys.Has("feed_forward_length") || !keys.Has("expert_feed_forward_length");
  if (has_ffn) {
    MILLRACE_TRY(config.ffn, keys.Count("feed_forward_length"));
  }
  MILLRACE_TRY(config.experts, ParseExperts(keys, config.ffn, config.layers));
  MILLRACE_TRY_VOID(ParseHeads(keys, config));
  MILLRACE_TRY(const double eps, keys.NotNegative("attention.layer_norm_rms_epsilon"));
  config.norm_eps = static_cast<float>(eps);
  MILLRACE_TRY(config.rope, ParseRope(keys, config));
  MILLRACE_TRY_VOID(ParseWindow(keys, config));
  MILLRACE_TRY(const double attention_softcap, keys.NotNegative("attn_logit_softcapping", 0));
  config.attention_softcap = static_cast<float>(attention_softcap);
  MILLRACE_TRY(const double logit_softcap, keys.NotNegative("final_logit_softcapping", 0));
  config.logit_softcap = static_cast<float>(logit_softcap);
  MILLRACE_TRY(config.latent, ParseLatent(keys));
  if (checkpoint.shape() != nullptr) {
    MILLRACE_TRY(config.vocabulary, keys.Count("vocab_size"));
    return config;
  }
  const Tensor* embedding = checkpoint.Find("token_embd.weight");
  if (embedding == nullptr) {
    return Invalid("{}: tensor token_embd.weight is missing", checkpoint.name());
  }
  config.vocabulary = embedding->rows();
  return config;
}

}  // namespace millrace

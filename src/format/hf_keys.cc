#include "format/hf_keys.h"

#include <initializer_list>
#include <utility>

#include "format/tensor_name.h"

namespace millrace {
namespace {

// The first of some keys that is there.
std::optional<std::string_view> FirstOf(const HfObject& object,
                                        std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (object.Has(key)) return key;
  }
  return std::nullopt;
}

Result<void> CopyCount(const HfObject& config, std::initializer_list<std::string_view> from,
                       std::string_view to, HfKeys& keys) {
  const auto key = FirstOf(config, from);
  if (!key) return {};
  MILLRACE_TRY(const std::uint32_t count, config.Count(*key));
  keys.Set(to, count);
  return {};
}

Result<void> CopyFloat(const HfObject& config, std::initializer_list<std::string_view> from,
                       std::string_view to, HfKeys& keys) {
  const auto key = FirstOf(config, from);
  if (!key) return {};
  MILLRACE_TRY(const double number, config.Number(*key));
  keys.SetFloat(to, number);
  return {};
}

// A count of at least 1.
Result<std::uint32_t> Size(const HfObject& config, std::string_view key,
                           std::uint32_t fallback = 0) {
  MILLRACE_TRY(const std::uint32_t size,
               fallback == 0 ? config.Count(key) : config.Count(key, fallback));
  if (size == 0) return Invalid("{}: key {} is 0, wanted 1 or more", config.where(), key);
  return size;
}

Result<HfSizes> ReadSizes(const HfObject& config, const HfDefaults& defaults) {
  HfSizes sizes;
  MILLRACE_TRY(sizes.layers, Size(config, "num_hidden_layers"));
  MILLRACE_TRY(sizes.hidden, Size(config, "hidden_size"));
  MILLRACE_TRY(sizes.heads, Size(config, "num_attention_heads", defaults.heads));
  const std::uint32_t kv_heads = defaults.kv_heads == 0 ? sizes.heads : defaults.kv_heads;
  MILLRACE_TRY(sizes.kv_heads, Size(config, "num_key_value_heads", kv_heads));
  const bool by_heads = defaults.head_dim == 0 && !config.Has("head_dim");
  if (by_heads && sizes.hidden < sizes.heads) {
    return Invalid("{}: hidden_size is {} for {} heads", config.where(), sizes.hidden, sizes.heads);
  }
  const std::uint32_t head_dim = by_heads ? sizes.hidden / sizes.heads : defaults.head_dim;
  MILLRACE_TRY(sizes.head_dim, Size(config, "head_dim", head_dim));
  constexpr std::uint32_t kMostHeadDim = 65536;
  if (sizes.head_dim > kMostHeadDim) {
    return Invalid("{}: the size of a head is {}, wanted at most {}", config.where(),
                   sizes.head_dim, kMostHeadDim);
  }
  if (const auto key = FirstOf(config, {"num_local_experts", "num_experts", "n_routed_experts"})) {
    MILLRACE_TRY(sizes.experts, config.Count(*key));
  }
  return sizes;
}

Result<void> SetYarn(const HfObject& config, const HfObject& scaling, HfKeys& keys) {
  keys.Set("rope.scaling.type", "yarn");
  MILLRACE_TRY(const double factor, scaling.Number("factor"));
  keys.SetFloat("rope.scaling.factor", factor);
  constexpr std::string_view kOriginal = "original_max_position_embeddings";
  const HfObject& holder = scaling.Has(kOriginal) || !config.Has(kOriginal) ? scaling : config;
  MILLRACE_TRY(const std::uint32_t context, config.Count("max_position_embeddings", 0));
  MILLRACE_TRY(const std::uint32_t original, holder.Count(kOriginal, context));
  keys.Set("rope.scaling.original_context_length", original);
  MILLRACE_TRY_VOID(
      CopyFloat(scaling, {"extrapolation_factor"}, "rope.scaling.yarn_ext_factor", keys));
  MILLRACE_TRY_VOID(CopyFloat(scaling, {"attention_factor", "attn_factor"},
                              "rope.scaling.yarn_attn_factor", keys));
  MILLRACE_TRY_VOID(CopyFloat(scaling, {"beta_fast"}, "rope.scaling.yarn_beta_fast", keys));
  return CopyFloat(scaling, {"beta_slow"}, "rope.scaling.yarn_beta_slow", keys);
}

Result<void> SetGating(const HfObject& config, HfKeys& keys) {
  const auto key = FirstOf(config, {"scoring_func", "score_func"});
  if (!key) return {};
  MILLRACE_TRY(const std::string function, config.Text(*key));
  if (function != "softmax" && function != "sigmoid") {
    return Unsupported("{}: key {} is '{}', supported: softmax, sigmoid", config.where(), *key,
                       function);
  }
  keys.Set("expert_gating_func", std::uint32_t{function == "softmax" ? 1u : 2u});
  return {};
}

Result<void> SetExperts(const HfObject& config, const HfSizes& sizes, HfKeys& keys) {
  if (sizes.experts == 0) return {};
  keys.Set("expert_count", sizes.experts);
  MILLRACE_TRY_VOID(CopyCount(config, {"num_experts_per_tok", "num_experts_per_token"},
                              "expert_used_count", keys));
  MILLRACE_TRY_VOID(CopyCount(config, {"n_group"}, "expert_group_count", keys));
  MILLRACE_TRY_VOID(CopyCount(config, {"topk_group"}, "expert_group_used_count", keys));
  return SetGating(config, keys);
}

}  // namespace

void HfKeys::Set(std::string_view key, GgufValue value) {
  SetPlain(fmt::format("{}.{}", architecture_, key), std::move(value));
}

void HfKeys::SetFloat(std::string_view key, double value) { Set(key, static_cast<float>(value)); }

void HfKeys::SetPlain(std::string key, GgufValue value) {
  values_.insert_or_assign(std::move(key), std::move(value));
}

GgufWriter HfKeys::Writer() const {
  GgufWriter writer;
  for (const auto& [key, value] : values_) writer.Set(key, value);
  return writer;
}

Result<HfRope> ReadHfRope(const HfObject& config, const HfDefaults& defaults) {
  HfRope rope;
  const bool current = config.Has("rope_parameters");
  MILLRACE_TRY(rope.scaling, config.Section(current ? "rope_parameters" : "rope_scaling"));
  if (rope.scaling) {
    MILLRACE_TRY(const auto sliding, rope.scaling->Section("sliding_attention"));
    if (sliding && sliding->Has("rope_theta")) {
      MILLRACE_TRY(rope.sliding_base, sliding->Number("rope_theta"));
    }
    MILLRACE_TRY(const auto full, rope.scaling->Section("full_attention"));
    if (full) rope.scaling = full;
  }
  const bool inside = rope.scaling && rope.scaling->Has("rope_theta");
  MILLRACE_TRY(rope.base,
               (inside ? *rope.scaling : config).Number("rope_theta", defaults.rope_base));
  if (!rope.sliding_base && config.Has("rope_local_base_freq")) {
    MILLRACE_TRY(rope.sliding_base, config.Number("rope_local_base_freq"));
  }
  rope.type = "default";
  if (rope.scaling) {
    const char* key = rope.scaling->Has("rope_type") ? "rope_type" : "type";
    MILLRACE_TRY(rope.type, rope.scaling->Text(key, "default"));
  }
  return rope;
}

Result<void> SetRopeScaling(const HfObject& config, const HfRope& rope, HfKeys& keys) {
  if (rope.type == "default") return {};
  if (rope.type == "yarn") return SetYarn(config, *rope.scaling, keys);
  if (rope.type != "linear") {
    return Unsupported("{}: the rope type is '{}', not supported for this architecture",
                       config.where(), Shown(rope.type));
  }
  MILLRACE_TRY(const double factor, rope.scaling->Number("factor"));
  keys.Set("rope.scaling.type", "linear");
  keys.SetFloat("rope.scaling.factor", factor);
  return {};
}

Result<HfSizes> SetSharedKeys(const HfObject& config, const HfRope& rope,
                              const HfDefaults& defaults, HfKeys& keys) {
  MILLRACE_TRY(const HfSizes sizes, ReadSizes(config, defaults));
  keys.Set("block_count", sizes.layers);
  keys.Set("embedding_length", sizes.hidden);
  keys.Set("attention.head_count", sizes.heads);
  keys.Set("attention.head_count_kv", sizes.kv_heads);
  keys.Set("rope.dimension_count", sizes.head_dim);
  const bool own_head_dim = defaults.head_dim != 0 || config.Has("head_dim");
  if (own_head_dim) keys.Set("attention.key_length", sizes.head_dim);
  if (own_head_dim) keys.Set("attention.value_length", sizes.head_dim);
  MILLRACE_TRY(const std::uint32_t context,
               config.Count("max_position_embeddings", defaults.context));
  keys.Set("context_length", context);
  MILLRACE_TRY(const std::uint32_t ffn, config.Count("intermediate_size"));
  keys.Set("feed_forward_length", ffn);
  MILLRACE_TRY_VOID(CopyCount(config, {"vocab_size"}, "vocab_size", keys));
  MILLRACE_TRY(const double eps, config.Number("rms_norm_eps", defaults.norm_eps));
  keys.SetFloat("attention.layer_norm_rms_epsilon", eps);
  keys.SetFloat("rope.freq_base", rope.base);
  if (rope.sliding_base) keys.SetFloat("rope.freq_base_swa", *rope.sliding_base);
  MILLRACE_TRY_VOID(SetExperts(config, sizes, keys));
  return sizes;
}

}  // namespace millrace

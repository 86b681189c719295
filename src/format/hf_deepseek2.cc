// DeepseekV2ForCausalLM and DeepseekV3ForCausalLM. Attention reads the latent directly: there is
// one key-value head, and what expands the latent for keys and for values is two tensors.
#include <cstring>

#include "format/hf_changes.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

// [heads * (nope + value), latent] -> k_b [heads, latent, nope] and v_b [heads, value, latent]
struct Expansion {
  std::size_t heads, nope, value, latent;
};

Result<Expansion> ReadExpansion(const HfConversion& conversion, const SafetensorsTensor& tensor) {
  const HfObject& config = conversion.config();
  MILLRACE_TRY(const std::uint32_t nope, config.Count("qk_nope_head_dim"));
  MILLRACE_TRY(const std::uint32_t value, config.Count("v_head_dim"));
  MILLRACE_TRY_VOID(CheckDimensions(conversion, tensor, 2));
  const std::uint64_t rows =
      std::uint64_t{conversion.sizes().kv_heads} * (std::uint64_t{nope} + value);
  if (static_cast<std::uint64_t>(tensor.shape[0]) != rows || nope == 0 || value == 0) {
    return Invalid("{}: tensor {} has {} rows, wanted {} heads of {} + {}", conversion.name(),
                   tensor.name, tensor.shape[0], conversion.sizes().kv_heads, nope, value);
  }
  return Expansion{conversion.sizes().kv_heads, nope, value,
                   static_cast<std::size_t>(tensor.shape[1])};
}

Result<void> SplitKvB(HfConversion& conversion, const HfSource& source) {
  const SafetensorsTensor& tensor = source.tensor;
  MILLRACE_TRY(const DType dtype, FloatType(conversion, tensor));
  MILLRACE_TRY(const Expansion e, ReadExpansion(conversion, tensor));
  const std::size_t size = dtype == DType::kF32 ? 4 : 2;
  const std::span<std::byte> k_b = conversion.Allocate(e.heads * e.latent * e.nope * size);
  const std::span<std::byte> v_b = conversion.Allocate(e.heads * e.value * e.latent * size);
  for (std::size_t head = 0; head < e.heads && e.latent > 0; ++head) {
    const std::byte* from = &tensor.bytes[head * (e.nope + e.value) * e.latent * size];
    for (std::size_t row = 0; row < e.nope; ++row) {
      for (std::size_t column = 0; column < e.latent; ++column, from += size) {
        const std::size_t to = (head * e.latent + column) * e.nope + row;
        std::memcpy(&k_b[to * size], from, size);
      }
    }
    const std::size_t value_bytes = e.value * e.latent * size;
    std::memcpy(&v_b[head * value_bytes], from, value_bytes);
  }
  const auto extent = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  const std::int64_t k_shape[] = {extent(e.heads), extent(e.latent), extent(e.nope)};
  const std::int64_t v_shape[] = {extent(e.heads), extent(e.value), extent(e.latent)};
  MILLRACE_TRY_VOID(conversion.Add(source.layer + ".attn_k_b.weight", dtype, k_shape, k_b));
  return conversion.Add(source.layer + ".attn_v_b.weight", dtype, v_shape, v_b);
}

constexpr HfRule kRules[] = {
    {".self_attn.q_a_proj.weight", ".attn_q_a.weight", Keep},
    {".self_attn.q_a_layernorm.weight", ".attn_q_a_norm.weight", Keep},
    {".self_attn.q_b_proj.weight", ".attn_q_b.weight", Keep},
    {".self_attn.kv_a_proj_with_mqa.weight", ".attn_kv_a_mqa.weight", Keep},
    {".self_attn.kv_a_layernorm.weight", ".attn_kv_a_norm.weight", Keep},
    {".self_attn.kv_b_proj.weight", "", SplitKvB},
    {".mlp.gate.e_score_correction_bias", ".exp_probs_b.bias", Keep},
    {".mlp.shared_experts.gate_proj.weight", ".ffn_gate_shexp.weight", Keep},
    {".mlp.shared_experts.up_proj.weight", ".ffn_up_shexp.weight", Keep},
    {".mlp.shared_experts.down_proj.weight", ".ffn_down_shexp.weight", Keep},
};

Result<void> SetAttentionKeys(HfConversion& conversion) {
  const HfObject& config = conversion.config();
  HfKeys& keys = conversion.keys();
  MILLRACE_TRY(const std::uint32_t latent, config.Count("kv_lora_rank", 512));
  MILLRACE_TRY(const std::uint32_t rotated, config.Count("qk_rope_head_dim"));
  MILLRACE_TRY(const std::uint32_t nope, config.Count("qk_nope_head_dim"));
  MILLRACE_TRY(const std::uint32_t value, config.Count("v_head_dim"));
  MILLRACE_TRY(const std::uint32_t query_rank, config.Count("q_lora_rank", 0));
  keys.Set("attention.head_count_kv", std::uint32_t{1});
  if (query_rank > 0) keys.Set("attention.q_lora_rank", query_rank);
  keys.Set("attention.kv_lora_rank", latent);
  keys.Set("attention.key_length", latent + rotated);
  keys.Set("attention.value_length", latent);
  keys.Set("attention.key_length_mla", nope + rotated);
  keys.Set("attention.value_length_mla", value);
  keys.Set("rope.dimension_count", rotated);
  // GGUF has a tenth of it here, for the sake of its first readers.
  const std::optional<HfObject>& scaling = conversion.rope().scaling;
  if (!scaling || !scaling->Has("mscale_all_dim")) return {};
  MILLRACE_TRY(const double multiplier, scaling->Number("mscale_all_dim"));
  keys.SetFloat("rope.scaling.yarn_log_multiplier", 0.1 * multiplier);
  return {};
}

Result<void> SetExpertKeys(HfConversion& conversion) {
  const HfObject& config = conversion.config();
  HfKeys& keys = conversion.keys();
  const bool moe = config.Has("n_routed_experts");
  MILLRACE_TRY(const std::uint32_t dense,
               config.Count("first_k_dense_replace", moe ? 0 : conversion.sizes().layers));
  keys.Set("leading_dense_block_count", dense);
  const char* ffn_key =
      config.Has("moe_intermediate_size") ? "moe_intermediate_size" : "intermediate_size";
  MILLRACE_TRY(const std::uint32_t ffn, config.Count(ffn_key));
  keys.Set("expert_feed_forward_length", ffn);
  MILLRACE_TRY(const std::uint32_t shared, config.Count("n_shared_experts", 0));
  keys.Set("expert_shared_count", shared);
  if (config.Has("routed_scaling_factor")) {
    MILLRACE_TRY(const double scale, config.Number("routed_scaling_factor"));
    keys.SetFloat("expert_weights_scale", scale);
  }
  MILLRACE_TRY(const bool normalise, config.Flag("norm_topk_prob", false));
  if (normalise) keys.Set("expert_weights_norm", true);
  return {};
}

Result<void> Complete(HfConversion& conversion) {
  MILLRACE_TRY_VOID(SetAttentionKeys(conversion));
  MILLRACE_TRY_VOID(SetRopeScaling(conversion.config(), conversion.rope(), conversion.keys()));
  return SetExpertKeys(conversion);
}

constexpr HfFamily kFamilies[] = {
    {"DeepseekV2ForCausalLM",
     "deepseek2",
     {},
     kRules,
     Complete,
     /*multimodal=*/false,
     /*extra_layers=*/true},
    {"DeepseekV3ForCausalLM",
     "deepseek2",
     {.context = 4096},
     kRules,
     Complete,
     /*multimodal=*/false,
     /*extra_layers=*/true},
};

}  // namespace

std::span<const HfFamily> Deepseek2Families() { return kFamilies; }

}  // namespace millrace

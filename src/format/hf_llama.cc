// LlamaForCausalLM, MistralForCausalLM and MixtralForCausalLM, as the architecture "llama".
#include <cmath>
#include <cstring>
#include <numbers>

#include "format/hf_changes.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

constexpr HfRule kRules[] = {
    {".self_attn.q_proj.weight", ".attn_q.weight", PairQueryRows},
    {".self_attn.q_proj.bias", ".attn_q.bias", PairQueryRows},
    {".self_attn.k_proj.weight", ".attn_k.weight", PairKeyRows},
    {".self_attn.k_proj.bias", ".attn_k.bias", PairKeyRows},
    // Mixtral
    {".block_sparse_moe.gate.weight", ".ffn_gate_inp.weight", Keep},
    {".block_sparse_moe.experts.{}.w1.weight", ".ffn_gate_exps.weight", StackExperts},
    {".block_sparse_moe.experts.{}.w2.weight", ".ffn_down_exps.weight", StackExperts},
    {".block_sparse_moe.experts.{}.w3.weight", ".ffn_up_exps.weight", StackExperts},
};

// The scaling of Llama 3.1: what a pair's frequency is divided by. Pairs that turn less than
// low_freq_factor times in the original context are divided by `factor`, those that turn more than
// high_freq_factor times are left alone, those between lie between. In binary32 throughout.
struct Llama3Scaling {
  float factor, low, high, context;

  float Divisor(float frequency) const {
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    const float smooth = (context / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  }
};

Result<void> AddRopeDivisors(HfConversion& conversion) {
  const HfObject& given = *conversion.rope().scaling;
  MILLRACE_TRY(const double factor, given.Number("factor", 8));
  MILLRACE_TRY(const double low, given.Number("low_freq_factor", 1));
  MILLRACE_TRY(const double high, given.Number("high_freq_factor", 4));
  MILLRACE_TRY(const double context, given.Number("original_max_position_embeddings", 8192));
  if (!(factor > 0 && low > 0 && high > low && context > 0)) {
    return Invalid(
        "{}: wanted factor, low_freq_factor and the context above 0, and "
        "high_freq_factor above low_freq_factor",
        given.where());
  }
  const Llama3Scaling scaling{static_cast<float>(factor), static_cast<float>(low),
                              static_cast<float>(high), static_cast<float>(context)};
  const std::uint32_t head_dim = conversion.sizes().head_dim;
  const std::span<std::byte> divisors = conversion.Allocate(head_dim / 2 * sizeof(float));
  for (std::uint32_t i = 0; i < head_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const double power = std::pow(conversion.rope().base, static_cast<double>(exponent));
    const float divisor = scaling.Divisor(1 / static_cast<float>(power));
    std::memcpy(&divisors[i * sizeof(float)], &divisor, sizeof(divisor));
  }
  const std::int64_t shape[] = {static_cast<std::int64_t>(head_dim / 2)};
  return conversion.Add("rope_freqs.weight", DType::kF32, shape, divisors);
}

Result<void> Complete(HfConversion& conversion) {
  if (conversion.rope().type == "llama3") return AddRopeDivisors(conversion);
  return SetRopeScaling(conversion.config(), conversion.rope(), conversion.keys());
}

constexpr HfFamily kFamilies[] = {
    {"LlamaForCausalLM", "llama", {.norm_eps = 1e-6, .context = 2048}, kRules, Complete},
    {"MistralForCausalLM",
     "llama",
     {.norm_eps = 1e-6, .context = 131072, .kv_heads = 8},
     kRules,
     Complete},
    {"MixtralForCausalLM",
     "llama",
     {.norm_eps = 1e-5, .rope_base = 1e6, .context = 131072, .kv_heads = 8},
     kRules,
     Complete},
};

}  // namespace

std::span<const HfFamily> LlamaFamilies() { return kFamilies; }

}  // namespace millrace

// Gemma2ForCausalLM, Gemma3ForCausalLM and the text part of Gemma3ForConditionalGeneration.
#include <filesystem>

#include "format/hf_changes.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

// Norms multiply by 1 + weight. The embedding is the output too, also where a file has both.
constexpr HfRule kRules[] = {
    {"model.norm.weight", "output_norm.weight", AddOne},
    {"lm_head.weight", "", Skip},
    {".input_layernorm.weight", ".attn_norm.weight", AddOne},
    {".post_attention_layernorm.weight", ".post_attention_norm.weight", AddOne},
    {".pre_feedforward_layernorm.weight", ".ffn_norm.weight", AddOne},
    {".post_feedforward_layernorm.weight", ".post_ffw_norm.weight", AddOne},
    {".self_attn.q_norm.weight", ".attn_q_norm.weight", AddOne},
    {".self_attn.k_norm.weight", ".attn_k_norm.weight", AddOne},
};

// What queries are scaled by has no key in GGUF: its readers take the size of a head, and in the
// models of 27B, which they tell by the number of layers, hidden size / heads.
Result<void> CheckQueryScale(const HfConversion& conversion, std::uint32_t layers_of_27b) {
  const HfSizes& sizes = conversion.sizes();
  const bool is_27b = sizes.layers == layers_of_27b;
  const double wanted = is_27b ? static_cast<double>(sizes.hidden) / sizes.heads : sizes.head_dim;
  MILLRACE_TRY(const double scale, conversion.config().Number("query_pre_attn_scalar", wanted));
  if (scale == wanted) return {};
  return Unsupported("{}: key query_pre_attn_scalar is {}, supported: {}",
                     conversion.config().where(), scale, wanted);
}

// SentencePiece of these models puts no space before a text.
void SetSpacePrefix(HfConversion& conversion) {
  std::error_code ignored;
  if (std::filesystem::exists(conversion.name() + "/tokenizer.model", ignored)) {
    conversion.keys().SetPlain("tokenizer.ggml.add_space_prefix", false);
  }
}

Result<void> CompleteGemma2(HfConversion& conversion) {
  const HfObject& config = conversion.config();
  MILLRACE_TRY(const double attention, config.Number("attn_logit_softcapping", 50));
  MILLRACE_TRY(const double final_cap, config.Number("final_logit_softcapping", 30));
  MILLRACE_TRY(const std::uint32_t window, config.Count("sliding_window", 4096));
  conversion.keys().SetFloat("attn_logit_softcapping", attention);
  conversion.keys().SetFloat("final_logit_softcapping", final_cap);
  conversion.keys().Set("attention.sliding_window", window);
  SetSpacePrefix(conversion);
  MILLRACE_TRY_VOID(SetRopeScaling(config, conversion.rope(), conversion.keys()));
  return CheckQueryScale(conversion, 46);
}

// Five layers with a window, then one without: GGUF's readers know no other pattern of gemma3.
Result<void> CheckPattern(const HfConversion& conversion) {
  const HfObject& config = conversion.config();
  MILLRACE_TRY(const std::uint32_t pattern, config.Count("sliding_window_pattern", 6));
  bool known = pattern == 6;
  if (const nlohmann::json* types = config.Find("layer_types")) {
    known = types->is_array() && types->size() == conversion.sizes().layers;
    for (std::size_t i = 0; known && i < types->size(); ++i) {
      known = (*types)[i] == (i % 6 == 5 ? "full_attention" : "sliding_attention");
    }
  }
  if (known) return {};
  return Unsupported("{}: has another pattern of layers than five with a window, then one without",
                     config.where());
}

Result<void> CompleteGemma3(HfConversion& conversion) {
  const HfObject& config = conversion.config();
  if (config.Has("attn_logit_softcapping")) {
    return Unsupported("{}: key attn_logit_softcapping is not supported for gemma3",
                       config.where());
  }
  if (config.Has("final_logit_softcapping")) {
    MILLRACE_TRY(const double cap, config.Number("final_logit_softcapping"));
    if (cap != 0) conversion.keys().SetFloat("final_logit_softcapping", cap);
  }
  MILLRACE_TRY(const std::uint32_t window, config.Count("sliding_window"));
  conversion.keys().Set("attention.sliding_window", window);
  SetSpacePrefix(conversion);
  MILLRACE_TRY_VOID(CheckPattern(conversion));
  MILLRACE_TRY_VOID(SetRopeScaling(config, conversion.rope(), conversion.keys()));
  return CheckQueryScale(conversion, 62);
}

constexpr HfDefaults kGemma2 = {.context = 8192, .heads = 8, .kv_heads = 4, .head_dim = 256};
constexpr HfDefaults kGemma3 = {
    .rope_base = 1e6, .context = 131072, .heads = 8, .kv_heads = 4, .head_dim = 256};

constexpr HfFamily kFamilies[] = {
    {"Gemma2ForCausalLM", "gemma2", kGemma2, kRules, CompleteGemma2},
    {"Gemma3ForCausalLM", "gemma3", kGemma3, kRules, CompleteGemma3},
    {"Gemma3ForConditionalGeneration", "gemma3", kGemma3, kRules, CompleteGemma3,
     /*multimodal=*/true},
};

}  // namespace

std::span<const HfFamily> GemmaFamilies() { return kFamilies; }

}  // namespace millrace

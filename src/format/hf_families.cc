#include "format/hf_families.h"

#include "format/hf_changes.h"
#include "format/tensor_name.h"

namespace millrace {

std::span<const HfRule> SharedRules() {
  static constexpr HfRule kRules[] = {
      {"model.embed_tokens.weight", "token_embd.weight", Keep},
      {"model.norm.weight", "output_norm.weight", Keep},
      {"lm_head.weight", "output.weight", Keep},
      {".input_layernorm.weight", ".attn_norm.weight", Keep},
      {".self_attn.q_proj.weight", ".attn_q.weight", Keep},
      {".self_attn.k_proj.weight", ".attn_k.weight", Keep},
      {".self_attn.v_proj.weight", ".attn_v.weight", Keep},
      {".self_attn.o_proj.weight", ".attn_output.weight", Keep},
      {".self_attn.q_proj.bias", ".attn_q.bias", Keep},
      {".self_attn.k_proj.bias", ".attn_k.bias", Keep},
      {".self_attn.v_proj.bias", ".attn_v.bias", Keep},
      {".self_attn.o_proj.bias", ".attn_output.bias", Keep},
      {".self_attn.q_norm.weight", ".attn_q_norm.weight", Keep},
      {".self_attn.k_norm.weight", ".attn_k_norm.weight", Keep},
      {".self_attn.rotary_emb.inv_freq", "", Skip},
      {".post_attention_layernorm.weight", ".ffn_norm.weight", Keep},
      {".mlp.gate_proj.weight", ".ffn_gate.weight", Keep},
      {".mlp.up_proj.weight", ".ffn_up.weight", Keep},
      {".mlp.down_proj.weight", ".ffn_down.weight", Keep},
      {".mlp.gate_proj.bias", ".ffn_gate.bias", Keep},
      {".mlp.up_proj.bias", ".ffn_up.bias", Keep},
      {".mlp.down_proj.bias", ".ffn_down.bias", Keep},
      // Experts as qwen3moe and deepseek name them.
      {".mlp.gate.weight", ".ffn_gate_inp.weight", Keep},
      {".mlp.experts.{}.gate_proj.weight", ".ffn_gate_exps.weight", StackExperts},
      {".mlp.experts.{}.up_proj.weight", ".ffn_up_exps.weight", StackExperts},
      {".mlp.experts.{}.down_proj.weight", ".ffn_down_exps.weight", StackExperts},
  };
  return kRules;
}

Result<const HfFamily*> FindHfFamily(std::string_view name, std::string_view where) {
  const std::span<const HfFamily> files[] = {LlamaFamilies(),  QwenFamilies(),
                                             GemmaFamilies(),  Phi3Families(),
                                             GptOssFamilies(), Deepseek2Families()};
  std::string known;
  for (const std::span<const HfFamily> families : files) {
    for (const HfFamily& family : families) {
      if (family.name == name) return &family;
      known += fmt::format("{}{}", known.empty() ? "" : ", ", family.name);
    }
  }
  return Unsupported("{}: architecture '{}' is not supported; supported: {}", where, Shown(name),
                     known);
}

}  // namespace millrace

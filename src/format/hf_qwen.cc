// Qwen2ForCausalLM, Qwen3ForCausalLM and Qwen3MoeForCausalLM.
#include "format/hf_changes.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

// Experts that are stacked already, as later libraries write them.
constexpr HfRule kMoeRules[] = {
    {".mlp.experts.gate_up_proj", "", SplitGateUp},
    {".mlp.experts.down_proj", ".ffn_down_exps.weight", Keep},
};

Result<void> Complete(HfConversion& conversion) {
  return SetRopeScaling(conversion.config(), conversion.rope(), conversion.keys());
}

Result<void> CompleteMoe(HfConversion& conversion) {
  MILLRACE_TRY(const std::uint32_t ffn, conversion.config().Count("moe_intermediate_size"));
  conversion.keys().Set("expert_feed_forward_length", ffn);
  return Complete(conversion);
}

constexpr HfFamily kFamilies[] = {
    {"Qwen2ForCausalLM", "qwen2", {.context = 32768}, {}, Complete},
    {"Qwen3ForCausalLM", "qwen3", {.context = 32768, .head_dim = 128}, {}, Complete},
    {"Qwen3MoeForCausalLM", "qwen3moe", {.context = 32768}, kMoeRules, CompleteMoe},
};

}  // namespace

std::span<const HfFamily> QwenFamilies() { return kFamilies; }

}  // namespace millrace

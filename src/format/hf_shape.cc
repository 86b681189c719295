#include "format/hf_shape.h"

#include <algorithm>
#include <utility>

#include "format/hf_conversion.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

using Names = std::vector<std::string>;

void Append(Names& names, std::initializer_list<const char*> more) {
  names.insert(names.end(), more.begin(), more.end());
}

Result<void> AppendBiases(const HfFamily& family, const HfObject& config, Names& names) {
  const bool is_gpt_oss = family.architecture == "gpt-oss";
  const bool is_qwen2 = family.architecture == "qwen2";
  MILLRACE_TRY(const bool attention, config.Flag("attention_bias", is_gpt_oss));
  if (attention || is_qwen2) Append(names, {"attn_q.bias", "attn_k.bias", "attn_v.bias"});
  if (attention) Append(names, {"attn_output.bias"});
  MILLRACE_TRY(const bool mlp, config.Flag("mlp_bias", false));
  if (mlp) Append(names, {"ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"});
  if (is_gpt_oss) {
    Append(names,
           {"ffn_gate_inp.bias", "ffn_gate_exps.bias", "ffn_up_exps.bias", "ffn_down_exps.bias"});
  }
  return {};
}

// The tensors that not every model of an architecture has.
Result<Names> OptionalTensors(const HfFamily& family, const HfObject& config) {
  Names names;
  const bool is_gemma = family.architecture.starts_with("gemma");
  MILLRACE_TRY(const bool tied, config.Flag("tie_word_embeddings", is_gemma));
  if (!tied) names.push_back("output.weight");
  MILLRACE_TRY_VOID(AppendBiases(family, config, names));
  if (family.architecture == "phi3") names.push_back("attn_qkv.weight");
  if (family.architecture == "deepseek2") {
    MILLRACE_TRY(const std::uint32_t query_rank, config.Count("q_lora_rank", 0));
    if (query_rank > 0) names.push_back("attn_q_a.weight");
    MILLRACE_TRY(const std::string method, config.Text("topk_method", "greedy"));
    if (method == "noaux_tc") names.push_back("exp_probs_b.bias");
  }
  return names;
}

Result<std::string> ArchitectureName(const HfObject& config) {
  const nlohmann::json* names = config.Find("architectures");
  if (names != nullptr && names->is_array() && !names->empty() && (*names)[0].is_string()) {
    return (*names)[0].get<std::string>();
  }
  return Invalid("{}: found no architectures, wanted an array with one name", config.where());
}

Result<void> CheckLayers(const HfObject& config) {
  constexpr std::uint32_t kMostLayers = 4096;
  MILLRACE_TRY(const std::uint32_t layers, config.Count("num_hidden_layers"));
  if (layers >= 1 && layers <= kMostLayers) return {};
  return Invalid("{}: key num_hidden_layers: found {}, wanted 1 to {}", config.where(), layers,
                 kMostLayers);
}

}  // namespace

bool ShapeOnly::Has(std::string_view tensor_name) const {
  constexpr std::string_view kLayer = "blk.";
  if (tensor_name.starts_with(kLayer)) {
    const std::size_t dot = tensor_name.find('.', kLayer.size());
    tensor_name.remove_prefix(std::min(dot, tensor_name.size() - 1) + 1);
  }
  return std::find(optional.begin(), optional.end(), tensor_name) != optional.end();
}

Result<Checkpoint> ParseHfShape(std::string_view text, const std::string& name, DType matrices) {
  MILLRACE_TRY(nlohmann::json json, ParseHfJson(text, name));
  MILLRACE_TRY(const std::string architecture, ArchitectureName(HfObject(json, name)));
  MILLRACE_TRY(const HfFamily* family, FindHfFamily(architecture, name));
  const auto part = json.find("text_config");
  if (family->multimodal && part != json.end() && part->is_object()) {
    const nlohmann::json inner = *part;
    json.update(inner);
  }
  const HfObject config(json, name);
  MILLRACE_TRY_VOID(CheckLayers(config));
  MILLRACE_TRY(Names optional, OptionalTensors(*family, config));
  CheckpointBuilder builder(name);
  builder.SetShape({matrices, std::move(optional)});
  HfConversion conversion(*family, config, {}, std::move(builder));
  MILLRACE_TRY_VOID(conversion.Run());
  conversion.keys().SetPlain("general.architecture", std::string(family->architecture));
  conversion.keys().SetPlain("general.name", name);
  return std::move(conversion).Finish();
}

}  // namespace millrace

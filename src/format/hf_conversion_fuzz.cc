// Conversions of any directory: a family, a configuration with some values changed, and tensors of
// any shape and type under the names of its rules. Each is refused in one line, or gives a
// checkpoint in which every tensor can be read to its last byte.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "format/hf_conversion.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

// Takes numbers from the front of the input; zeros when it ends.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::size_t Below(std::size_t limit) {
    if (bytes_.empty()) return 0;
    const std::size_t value = bytes_[0] % limit;
    bytes_ = bytes_.subspan(1);
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

const HfFamily& ChooseFamily(Input& input) {
  static const std::vector<const HfFamily*> kFamilies = [] {
    std::vector<const HfFamily*> all;
    for (const auto families : {LlamaFamilies(), QwenFamilies(), GemmaFamilies(), Phi3Families(),
                                GptOssFamilies(), Deepseek2Families()}) {
      for (const HfFamily& family : families) all.push_back(&family);
    }
    return all;
  }();
  return *kFamilies[input.Below(kFamilies.size())];
}

nlohmann::json SoundConfig() {
  return {{"hidden_size", 8},
          {"intermediate_size", 4},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 2},
          {"num_hidden_layers", 1},
          {"num_experts", 2},
          {"vocab_size", 4},
          {"head_dim", 4},
          {"sliding_window", 4},
          {"moe_intermediate_size", 4},
          {"qk_rope_head_dim", 2},
          {"qk_nope_head_dim", 2},
          {"v_head_dim", 2},
          {"kv_lora_rank", 4},
          {"q_lora_rank", 4},
          {"max_position_embeddings", 64},
          {"n_shared_experts", 1},
          {"first_k_dense_replace", 0},
          {"routed_scaling_factor", 2},
          {"scoring_func", "sigmoid"},
          {"rope_theta", 10000},
          {"rms_norm_eps", 1e-6},
          {"partial_rotary_factor", 1},
          {"original_max_position_embeddings", 32},
          {"rope_scaling",
           {{"rope_type", "llama3"},
            {"factor", 8},
            {"long_factor", {1, 2}},
            {"short_factor", {1, 2}},
            {"mscale_all_dim", 1}}}};
}

nlohmann::json AnyValue(Input& input) {
  const nlohmann::json values[] = {nullptr,
                                   true,
                                   false,
                                   0,
                                   1,
                                   2,
                                   3,
                                   -1,
                                   0.5,
                                   4294967295u,
                                   4294967296u,
                                   1e300,
                                   "",
                                   "yarn",
                                   "longrope",
                                   "linear",
                                   {1, 2},
                                   {},
                                   {{"rope_type", "yarn"}, {"factor", 2}}};
  return values[input.Below(std::size(values))];
}

nlohmann::json ChangedConfig(Input& input) {
  nlohmann::json config = SoundConfig();
  for (std::size_t changes = input.Below(4); changes > 0; --changes) {
    nlohmann::json& object =
        input.Below(3) == 0 && config["rope_scaling"].is_object() ? config["rope_scaling"] : config;
    auto entry = object.begin();
    std::advance(entry, static_cast<std::ptrdiff_t>(input.Below(object.size() + 1)));
    if (entry != object.end()) *entry = AnyValue(input);
  }
  return config;
}

// A tensor under the name of a rule, mostly of the shape that it should have.
SafetensorsTensor AnyTensor(const HfFamily& family, Input& input, std::span<const std::byte> data) {
  const std::span<const HfRule> rules =
      family.rules.empty() || input.Below(2) == 0 ? SharedRules() : family.rules;
  std::string name(rules[input.Below(rules.size())].from);
  if (name.starts_with('.')) name = fmt::format("model.layers.{}{}", input.Below(2), name);
  if (const std::size_t at = name.find("{}"); at != std::string::npos) {
    name.replace(at, 2, fmt::format("{}", input.Below(3)));
  }
  SafetensorsTensor tensor{std::move(name), "F32", DType::kF32, {}, {}};
  std::size_t size = 4;
  switch (input.Below(6)) {
    case 0:
      tensor.type = "BF16", tensor.dtype = DType::kBF16, size = 2;
      break;
    case 1:
      tensor.type = "F16", tensor.dtype = DType::kF16, size = 2;
      break;
    case 2:
      tensor.type = "U8", tensor.dtype = std::nullopt, size = 1;
      break;
    default:
      break;
  }
  const std::int64_t extents[] = {2, 4, 8, 1, 3, 16, 0};
  for (std::size_t dimensions = input.Below(6); dimensions > 0; --dimensions) {
    tensor.shape.push_back(extents[input.Below(std::size(extents))]);
    size *= static_cast<std::size_t>(tensor.shape.back());
  }
  if (size > data.size()) {
    tensor.shape.assign(1, 0);
    size = 0;
  }
  // In memory of exactly that size, so that a sanitizer sees a read beyond it.
  tensor.bytes = data.last(size);
  return tensor;
}

void Fuzz(Input input) {
  static const std::vector<std::byte> kData(1 << 16);
  const HfFamily& family = ChooseFamily(input);
  const nlohmann::json json = ChangedConfig(input);
  std::vector<SafetensorsTensor> tensors;
  for (std::size_t count = input.Below(8); count > 0; --count) {
    SafetensorsTensor tensor = AnyTensor(family, input, kData);
    bool known = false;
    for (const SafetensorsTensor& other : tensors) known = known || other.name == tensor.name;
    if (!known) tensors.push_back(std::move(tensor));
  }
  HfConversion conversion(family, HfObject(json, "fuzz/config.json"), std::move(tensors),
                          CheckpointBuilder("/nonexistent"));
  const auto check = [](const Error& error) {
    MILLRACE_CHECK(!error.message.empty() && error.message.find('\n') == std::string::npos);
  };
  if (const Result<void> done = conversion.Run(); !done.ok()) return check(done.error());
  const Result<Checkpoint> checkpoint = std::move(conversion).Finish();
  if (!checkpoint.ok()) return check(checkpoint.error());
  std::byte sum{};
  for (const Tensor& tensor : checkpoint->tensors()) {
    for (const std::byte byte : tensor.bytes) sum ^= byte;
  }
  volatile std::byte sink = sum;
  (void)sink;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::Fuzz(millrace::Input(std::span(data, size)));
  return 0;
}

#include "format/hf_conversion.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "format/gguf_types.h"
#include "format/hf_changes.h"
#include "format/hf_families.h"
#include "format/tensor_name.h"
#include "numerics/half.h"

namespace millrace {
namespace {

constexpr std::string_view kLayers = "model.layers.";
constexpr std::string_view kExperts = ".experts.";

// The tensors that GGUF has in F32, whatever the model is in: all that are no matrices of weights,
// and the routers.
bool IsF32InGguf(std::string_view name, std::size_t dimensions) {
  return dimensions <= 1 || name.ends_with("_norm.weight") || !name.ends_with(".weight") ||
         name.ends_with(".ffn_gate_inp.weight");
}

// Takes a number and `after` from the front of a text.
std::optional<std::uint32_t> TakeNumber(std::string_view& text, std::string_view after) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc() || !rest.starts_with(after)) return std::nullopt;
  text = rest;
  return number;
}

// A tensor's name as rules have it.
struct RuleName {
  std::string name;
  std::optional<std::uint32_t> layer;
  std::uint32_t expert = 0;
};

RuleName ToRuleName(std::string_view name) {
  RuleName found;
  if (name.starts_with(kLayers)) {
    std::string_view rest = name.substr(kLayers.size());
    found.layer = TakeNumber(rest, ".");
    if (found.layer) name = rest;
  }
  const std::size_t experts = name.find(kExperts);
  if (experts != std::string_view::npos) {
    std::string_view rest = name.substr(experts + kExperts.size());
    if (const auto expert = TakeNumber(rest, ".")) {
      found.expert = *expert;
      found.name = fmt::format("{}{}{{}}{}", name.substr(0, experts), kExperts, rest);
      return found;
    }
  }
  found.name = name;
  return found;
}

const HfRule* FindRule(std::span<const HfRule> rules, std::string_view name) {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const HfRule& rule) { return rule.from == name; });
  return found == rules.end() ? nullptr : &*found;
}

std::size_t Alignment(DType dtype) { return dtype == DType::kF32 ? 4 : 2; }

bool IsAligned(const std::byte* at, DType dtype) {
  return reinterpret_cast<std::uintptr_t>(at) % Alignment(dtype) == 0;
}

void ToFloats(DType dtype, std::span<const std::byte> halves, std::span<std::byte> floats) {
  for (std::size_t i = 0; i < halves.size() / 2; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, &halves[2 * i], sizeof(bits));
    const float value = dtype == DType::kF16 ? HalfToFloat(bits) : BFloatToFloat(bits);
    std::memcpy(&floats[4 * i], &value, sizeof(value));
  }
}

}  // namespace

HfConversion::HfConversion(const HfFamily& family, HfObject config,
                           std::vector<SafetensorsTensor> tensors, CheckpointBuilder builder)
    : family_(family),
      config_(std::move(config)),
      keys_(family.architecture),
      tensors_(std::move(tensors)),
      builder_(std::move(builder)) {
  for (const SafetensorsTensor& tensor : tensors_) by_name_.emplace(tensor.name, &tensor);
}

Result<void> HfConversion::Run() {
  MILLRACE_TRY(rope_, ReadHfRope(config_, family_.defaults));
  MILLRACE_TRY(sizes_, SetSharedKeys(config_, rope_, family_.defaults, keys_));
  MILLRACE_TRY_VOID(family_.complete(*this));
  for (const SafetensorsTensor& tensor : tensors_) MILLRACE_TRY_VOID(Convert(tensor));
  return AddStacks();
}

Result<Checkpoint> HfConversion::Finish() && {
  MILLRACE_TRY_VOID(builder_.SetMetadata(keys_.Writer()));
  return std::move(builder_).Finish();
}

const SafetensorsTensor* HfConversion::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Result<void> HfConversion::Convert(const SafetensorsTensor& tensor) {
  const RuleName key = ToRuleName(tensor.name);
  const HfRule* rule = FindRule(family_.rules, key.name);
  if (rule == nullptr) rule = FindRule(SharedRules(), key.name);
  const bool in_layer = key.layer.has_value();
  if (family_.extra_layers && in_layer && *key.layer >= sizes_.layers) return {};
  if (rule == nullptr || rule->from.starts_with('.') != in_layer ||
      (in_layer && *key.layer >= sizes_.layers)) {
    return Unsupported("{}: tensor {} is none of a {} with {} layers", name(), tensor.name,
                       family_.name, sizes_.layers);
  }
  MILLRACE_TRY(const bool tied, config_.Flag("tie_word_embeddings", false));
  if (tied && rule->to == "output.weight") return {};
  std::string layer = in_layer ? fmt::format("blk.{}", *key.layer) : "";
  std::string target = layer + std::string(rule->to);
  return rule->change(*this, {tensor, std::move(target), std::move(layer), key.expert});
}

Result<void> HfConversion::Add(const std::string& tensor_name, DType dtype,
                               std::span<const std::int64_t> shape,
                               std::span<const std::byte> bytes) {
  if (shape.empty() || shape.size() > gguf::kMaxDimensions) {
    return Invalid("{}: tensor {} has {} dimensions, wanted 1 to {}", name(), tensor_name,
                   shape.size(), gguf::kMaxDimensions);
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    return Invalid("{}: tensor {} is empty", name(), tensor_name);
  }
  std::vector<std::int64_t> columns_first(shape.rbegin(), shape.rend());
  if (dtype != DType::kF32 && !IsQuantised(dtype) && IsF32InGguf(tensor_name, shape.size())) {
    const std::span<std::byte> floats = builder_.Allocate(2 * bytes.size());
    ToFloats(dtype, bytes, floats);
    return builder_.Add(tensor_name, DType::kF32, std::move(columns_first), floats);
  }
  if (!IsAligned(bytes.data(), dtype)) {
    const std::span<std::byte> copy = builder_.Allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.begin());
    bytes = copy;
  }
  return builder_.Add(tensor_name, dtype, std::move(columns_first), bytes);
}

Result<void> HfConversion::AddPart(const std::string& target, std::uint32_t index,
                                   std::uint32_t count, const SafetensorsTensor& part) {
  if (index >= count) {
    return Invalid("{}: tensor {} is of expert {}, the configuration has {}", name(), part.name,
                   index, count);
  }
  if (count > tensors_.size()) {
    return Invalid("{}: the configuration has {} experts, the files have {} tensors", name(), count,
                   tensors_.size());
  }
  Parts& parts = stacks_[target];
  parts.resize(count);
  if (parts[index] != nullptr) {
    return Invalid("{}: tensors {} and {} are the same expert", name(), parts[index]->name,
                   part.name);
  }
  parts[index] = &part;
  return {};
}

Result<void> HfConversion::AddStacks() {
  for (const auto& [target, parts] : stacks_) {
    const auto missing = std::find(parts.begin(), parts.end(), nullptr);
    if (missing != parts.end()) {
      return Invalid("{}: tensor {} is missing expert {} of {}", name(), target,
                     missing - parts.begin(), parts.size());
    }
    MILLRACE_TRY_VOID(AddStack(target, parts));
  }
  return {};
}

Result<void> HfConversion::AddStack(const std::string& target, const Parts& parts) {
  const SafetensorsTensor& first = *parts.front();
  MILLRACE_TRY(const DType dtype, FloatType(*this, first));
  const std::span<std::byte> stack = builder_.Allocate(parts.size() * first.bytes.size());
  std::byte* to = stack.data();
  for (const SafetensorsTensor* part : parts) {
    if (part->shape != first.shape || part->type != first.type) {
      return Invalid("{}: tensor {} has another shape or type than those of other experts", name(),
                     part->name);
    }
    to = std::copy(part->bytes.begin(), part->bytes.end(), to);
  }
  std::vector<std::int64_t> shape = {static_cast<std::int64_t>(parts.size())};
  shape.insert(shape.end(), first.shape.begin(), first.shape.end());
  return Add(target, dtype, shape, stack);
}

}  // namespace millrace

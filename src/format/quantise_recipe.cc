#include "format/quantise_recipe.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace millrace {
namespace {

constexpr QuantiseRecipe kRecipes[] = {
    {"F32", DType::kF32, Mixture::kPure, 0},        {"F16", DType::kF16, Mixture::kPure, 1},
    {"BF16", DType::kBF16, Mixture::kPure, 32},     {"Q8_0", DType::kQ8_0, Mixture::kPure, 7},
    {"Q6_K", DType::kQ6_K, Mixture::kOutput, 18},   {"Q5_K", DType::kQ5_K, Mixture::kPure, 17},
    {"Q5_K_M", DType::kQ5_K, Mixture::kMedium, 17}, {"Q5_K_S", DType::kQ5_K, Mixture::kSmall, 16},
    {"Q4_K", DType::kQ4_K, Mixture::kPure, 15},     {"Q4_K_M", DType::kQ4_K, Mixture::kMedium, 15},
    {"Q4_K_S", DType::kQ4_K, Mixture::kSmall, 14},  {"Q4_0", DType::kQ4_0, Mixture::kOutput, 2},
};

// What of a model the exceptions ask for.
struct Shape {
  std::int64_t layers = 0, experts = 0;
  bool tied = false;             // the embedding is the output
  bool few_large_heads = false;  // the 70B shape
};

Result<Shape> ShapeOf(const Checkpoint& checkpoint) {
  MILLRACE_TRY(const auto architecture, checkpoint.GetString("general.architecture", ""));
  const std::string prefix(architecture);
  MILLRACE_TRY(const auto layers, checkpoint.GetUint(prefix + ".block_count", 0));
  MILLRACE_TRY(const auto experts, checkpoint.GetUint(prefix + ".expert_count", 0));
  Shape shape{.layers = static_cast<std::int64_t>(layers),
              .experts = static_cast<std::int64_t>(experts),
              .tied = checkpoint.Find("output.weight") == nullptr};
  if (layers == 80 && (architecture == "llama" || architecture == "qwen2")) {
    MILLRACE_TRY(const auto heads, checkpoint.GetUint(prefix + ".attention.head_count", 0));
    MILLRACE_TRY(const auto kv_heads,
                 checkpoint.GetUint(prefix + ".attention.head_count_kv", heads));
    shape.few_large_heads = kv_heads < heads;
  }
  return shape;
}

bool Holds(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

bool IsMatrix(const Tensor& tensor) {
  // What multiplies nothing, or is small and decides much.
  static constexpr std::string_view kKept[] = {
      "_norm.weight", "ffn_gate_inp.weight",   "position_embd.weight", "token_types.weight",
      "ssm_conv1d",   "shortconv.conv.weight", "attn_rel_b.weight"};
  return tensor.rows() > 1 && tensor.name.ends_with("weight") &&
         std::none_of(std::begin(kKept), std::end(kKept),
                      [&](std::string_view kept) { return Holds(tensor.name, kept); });
}

// The number in "blk.7.ffn_down.weight"; 0 without one.
std::int64_t LayerOf(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  std::int64_t layer = 0;
  if (name.starts_with(kPrefix))
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return layer;
}

// In which layers the mixtures called _M spend more bits.
bool IsSensitive(std::int64_t layer, std::int64_t layers) {
  const std::int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

DType ForValues(const QuantiseRecipe& recipe, const Shape& shape, std::int64_t layer) {
  if (shape.experts == 8) return DType::kQ8_0;
  DType dtype = recipe.dtype;
  if (recipe.mixture == Mixture::kMedium && IsSensitive(layer, shape.layers)) dtype = DType::kQ6_K;
  if (recipe.dtype == DType::kQ4_K && recipe.mixture == Mixture::kSmall && layer < 4)
    dtype = DType::kQ5_K;
  if (shape.few_large_heads && dtype == DType::kQ4_K) dtype = DType::kQ5_K;
  return dtype;
}

DType ForDown(const QuantiseRecipe& recipe, const Shape& shape, std::int64_t layer) {
  if (recipe.mixture == Mixture::kMedium && IsSensitive(layer, shape.layers)) return DType::kQ6_K;
  if (recipe.dtype == DType::kQ4_K && recipe.mixture == Mixture::kSmall &&
      layer < shape.layers / 8) {
    return DType::kQ5_K;
  }
  return recipe.dtype;
}

// The type of a matrix, were its rows of any length.
DType Wanted(const QuantiseRecipe& recipe, const Shape& shape, const Tensor& tensor) {
  const std::string_view name = tensor.name;
  if (recipe.mixture == Mixture::kPure) return recipe.dtype;
  if (name == "output.weight" || (shape.tied && name == "token_embd.weight")) {
    const auto columns = static_cast<std::size_t>(tensor.columns());
    return columns % BlockElements(recipe.dtype) == 0 ? DType::kQ6_K : DType::kQ8_0;
  }
  const std::int64_t layer = LayerOf(name);
  if (Holds(name, "attn_v.weight") || Holds(name, "attn_kv_b.weight") ||
      Holds(name, "attn_qkv.weight")) {
    return ForValues(recipe, shape, layer);
  }
  if (Holds(name, "attn_k.weight") && shape.experts == 8) return DType::kQ8_0;
  if (Holds(name, "attn_output.weight") && shape.experts == 8 && recipe.dtype == DType::kQ4_K)
    return DType::kQ5_K;
  if (Holds(name, "ffn_down")) return ForDown(recipe, shape, layer);
  return recipe.dtype;
}

bool Divides(DType dtype, const Tensor& tensor) {
  return static_cast<std::size_t>(tensor.columns()) % BlockElements(dtype) == 0;
}

DType Fallback(DType wanted, const Tensor& tensor) {
  DType smaller = DType::kQ8_0;
  if (wanted == DType::kQ4_K) smaller = DType::kQ5_0;
  if (wanted == DType::kQ5_K) smaller = DType::kQ5_1;
  return Divides(smaller, tensor) ? smaller : DType::kF16;
}

TypeChoice Choose(const QuantiseRecipe& recipe, const Shape& shape, const Tensor& tensor) {
  if (!IsMatrix(tensor)) return {tensor.dtype, std::nullopt};
  const DType wanted = Wanted(recipe, shape, tensor);
  if (Divides(wanted, tensor)) return {wanted, std::nullopt};
  return {Fallback(wanted, tensor), wanted};
}

}  // namespace

std::span<const QuantiseRecipe> QuantiseRecipes() { return kRecipes; }

std::optional<QuantiseRecipe> FindQuantiseRecipe(std::string_view name) {
  for (const QuantiseRecipe& recipe : kRecipes) {
    if (recipe.name == name) return recipe;
  }
  return std::nullopt;
}

Result<std::vector<TypeChoice>> ChooseTypes(const Checkpoint& checkpoint,
                                            const QuantiseRecipe& recipe) {
  MILLRACE_TRY(const Shape shape, ShapeOf(checkpoint));
  std::vector<TypeChoice> choices;
  for (const Tensor& tensor : checkpoint.tensors())
    choices.push_back(Choose(recipe, shape, tensor));
  return choices;
}

}  // namespace millrace

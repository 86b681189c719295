// Which tensor of a model gets which type: what a name such as Q4_K_M stands for.
//
// A recipe has one type for the matrices and some exceptions. The names and the choices are those
// of llama.cpp's llama-quantize, so that files by either are of a size and can be compared, but for
// Q4_K and Q5_K, which here are the type alone (there: other names for Q4_K_M and Q5_K_M).
//
// Matrices are tensors of two and more dimensions whose name ends with "weight", but norms and the
// routers of experts. Everything else is copied as it is. Exceptions of a quantised recipe:
//
//   output     output.weight, or token_embd.weight where that is the output too, are Q6_K: all
//              recipes but Q8_0, Q5_K and Q4_K. If its rows are no multiple of the recipe's
//              block: Q8_0
//   _M         attn_v (and attn_qkv, attn_kv_b) and ffn_down are Q6_K in the first and the last
//              eighth of the layers and in every third between
//   Q4_K_S     attn_v of the first four layers and ffn_down of the first eighth are Q5_K
//   80 layers  (the 70B shape: fewer key-value heads than heads) attn_v is at least Q5_K; Q4_K_S
//              and Q4_K_M
//   8 experts  attn_v and attn_k are Q8_0, as in all recipes with exceptions; attn_output is Q5_K
//              in Q4_K_S and Q4_K_M
//   fallback   where rows are no multiple of 256: Q5_0 for Q4_K, Q5_1 for Q5_K, Q8_0 for Q6_K;
//              where they are no multiple of 32: F16
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/checkpoint.h"
#include "numerics/dtype.h"

namespace millrace {

// Which of the exceptions hold: none but the fallback; those of the output and of the experts;
// those and more.
enum class Mixture { kPure, kOutput, kSmall, kMedium };

struct QuantiseRecipe {
  std::string_view name;
  DType dtype = DType::kF32;  // of the matrices
  Mixture mixture = Mixture::kPure;
  std::uint32_t file_type = 0;  // general.file_type, as llama.cpp numbers them
};

std::span<const QuantiseRecipe> QuantiseRecipes();
std::optional<QuantiseRecipe> FindQuantiseRecipe(std::string_view name);

// The type of a tensor to be.
struct TypeChoice {
  DType dtype = DType::kF32;
  std::optional<DType> wanted;  // the type that its rows do not divide into, if it fell back
};

// One a tensor, in their order. The errors are those of Checkpoint's getters.
Result<std::vector<TypeChoice>> ChooseTypes(const Checkpoint& checkpoint,
                                            const QuantiseRecipe& recipe);

}  // namespace millrace

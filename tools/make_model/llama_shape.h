// The sizes of a llama-like transformer, and the named ones that speed is measured on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "numerics/dtype.h"

namespace millrace {

struct LlamaShape {
  std::string name;
  std::int64_t hidden = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t ffn = 0;
  std::int64_t vocabulary = 0;
  bool tied = true;  // the embedding is the output matrix too
  std::int64_t context = 2048;
  float rope_base = 10000;

  std::int64_t head_dim() const { return hidden / heads; }
  std::int64_t kv_columns() const { return kv_heads * head_dim(); }
};

// 15M and 110M: the shapes of the llama2.c story models. 1B: that of Llama 3.2 1B, with a shorter
// context. 15MK: 15M has rows of 288, which the K types cannot hold (blocks of 256); this one is as
// large and can.
std::span<const LlamaShape> NamedShapes();
std::optional<LlamaShape> FindShape(std::string_view name);

// kInvalid, saying which size and why, if no model of this shape can be written with matrices of
// `dtype`.
Result<void> CheckShape(const LlamaShape& shape, DType dtype);

}  // namespace millrace

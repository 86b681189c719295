#include "llama_shape.h"

#include <initializer_list>
#include <utility>

#include "made_up_vocabulary.h"

namespace millrace {

std::span<const LlamaShape> NamedShapes() {
  static const LlamaShape kShapes[] = {
      {.name = "15M",
       .hidden = 288,
       .layers = 6,
       .heads = 6,
       .kv_heads = 6,
       .ffn = 768,
       .vocabulary = 32000},
      {.name = "15MK",
       .hidden = 256,
       .layers = 8,
       .heads = 8,
       .kv_heads = 8,
       .ffn = 768,
       .vocabulary = 32000},
      {.name = "110M",
       .hidden = 768,
       .layers = 12,
       .heads = 12,
       .kv_heads = 12,
       .ffn = 2048,
       .vocabulary = 32000},
      {.name = "1B",
       .hidden = 2048,
       .layers = 16,
       .heads = 32,
       .kv_heads = 8,
       .ffn = 8192,
       .vocabulary = 128256,
       .context = 8192,
       .rope_base = 500000},
  };
  return kShapes;
}

std::optional<LlamaShape> FindShape(std::string_view name) {
  for (const LlamaShape& shape : NamedShapes()) {
    if (shape.name == name) return shape;
  }
  return std::nullopt;
}

Result<void> CheckShape(const LlamaShape& shape, DType dtype) {
  using Size = std::pair<const char*, std::int64_t>;
  constexpr std::int64_t kLargest = std::int64_t{1} << 24;
  for (const auto& [name, size] :
       {Size{"dim", shape.hidden}, Size{"layers", shape.layers}, Size{"heads", shape.heads},
        Size{"kv-heads", shape.kv_heads}, Size{"ffn", shape.ffn}, Size{"vocab", shape.vocabulary},
        Size{"context", shape.context}}) {
    if (size < 1 || size > kLargest)
      return Invalid("{} is {}, wanted 1 to {}", name, size, kLargest);
  }
  if (shape.hidden % shape.heads != 0 || shape.head_dim() % 2 != 0) {
    return Invalid("dim {} over {} heads, wanted heads of an even size", shape.hidden, shape.heads);
  }
  if (shape.heads % shape.kv_heads != 0) {
    return Invalid("{} heads over {} kv-heads, wanted a multiple", shape.heads, shape.kv_heads);
  }
  if (shape.vocabulary < kFixedPieces) {
    return Invalid("vocab is {}, wanted at least {}: the special and the byte tokens",
                   shape.vocabulary, kFixedPieces);
  }
  const auto block = static_cast<std::int64_t>(BlockElements(dtype));
  for (const auto& [name, size] : {Size{"dim", shape.hidden}, Size{"ffn", shape.ffn}}) {
    if (size % block != 0)
      return Invalid("{} is {}, wanted a multiple of {} for {}", name, size, block, Name(dtype));
  }
  return {};
}

}  // namespace millrace

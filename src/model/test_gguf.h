// For tests: the bytes of a small GGUF file, and of a whole llama in one, to be changed at will.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "numerics/dtype.h"

namespace millrace {

// Values are uint32, float32, string or array of strings. Tensors are zeros.
struct TestGguf {
  using Value = std::variant<std::uint32_t, float, std::string, std::vector<std::string>>;
  struct TensorShape {
    std::vector<std::uint64_t> shape;  // columns first
    DType dtype = DType::kF32;
  };
  std::map<std::string, Value> metadata;
  std::map<std::string, TensorShape> tensors;

  std::vector<std::byte> Bytes() const;
};

// One layer of 4 heads on 2 key-value heads of 8, hidden 32, ffn 48, 20 tokens, without vocabulary.
inline TestGguf SmallLlama() {
  TestGguf file;
  file.metadata = {{"general.architecture", "llama"},
                   {"llama.context_length", 64u},
                   {"llama.block_count", 1u},
                   {"llama.embedding_length", 32u},
                   {"llama.feed_forward_length", 48u},
                   {"llama.attention.head_count", 4u},
                   {"llama.attention.head_count_kv", 2u},
                   {"llama.attention.layer_norm_rms_epsilon", 1e-5f}};
  file.tensors = {{"token_embd.weight", {{32, 20}}},   {"blk.0.attn_norm.weight", {{32}}},
                  {"blk.0.attn_q.weight", {{32, 32}}}, {"blk.0.attn_k.weight", {{32, 16}}},
                  {"blk.0.attn_v.weight", {{32, 16}}}, {"blk.0.attn_output.weight", {{32, 32}}},
                  {"blk.0.ffn_norm.weight", {{32}}},   {"blk.0.ffn_gate.weight", {{32, 48}}},
                  {"blk.0.ffn_up.weight", {{32, 48}}}, {"blk.0.ffn_down.weight", {{48, 32}}},
                  {"output_norm.weight", {{32}}},      {"output.weight", {{32, 20}}}};
  return file;
}

inline std::vector<std::byte> TestGguf::Bytes() const {
  std::vector<std::byte> bytes;
  const auto put = [&](auto value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof(value));
  };
  const auto put_text = [&](const std::string& text) {
    put(std::uint64_t{text.size()});
    for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  };
  for (const char c : {'G', 'G', 'U', 'F'}) bytes.push_back(static_cast<std::byte>(c));
  put(std::uint32_t{3});
  put(std::uint64_t{tensors.size()});
  put(std::uint64_t{metadata.size()});
  for (const auto& [key, value] : metadata) {
    put_text(key);
    constexpr std::uint32_t kTypes[] = {4, 6, 8, 9};  // in the order of Value
    put(kTypes[value.index()]);
    if (const auto* text = std::get_if<std::string>(&value)) put_text(*text);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
      put(kTypes[2]);
      put(std::uint64_t{texts->size()});
      for (const std::string& text : *texts) put_text(text);
    }
    if (const auto* integer = std::get_if<std::uint32_t>(&value)) put(*integer);
    if (const auto* real = std::get_if<float>(&value)) put(*real);
  }
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    put_text(name);
    put(static_cast<std::uint32_t>(tensor.shape.size()));
    std::uint64_t rows = 1;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      put(tensor.shape[i]);
      if (i > 0) rows *= tensor.shape[i];
    }
    constexpr std::uint32_t kTypes[] = {0, 1, 30, 8, 2, 12, 14};  // in the order of DType
    put(kTypes[static_cast<int>(tensor.dtype)]);
    put(offset);
    offset += (rows * RowBytes(tensor.dtype, tensor.shape[0]) + 31) / 32 * 32;
  }
  bytes.resize((bytes.size() + 31) / 32 * 32 + offset);
  return bytes;
}

}  // namespace millrace

#include "random_llama.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "base/philox.h"
#include "format/gguf_writer.h"
#include "made_up_vocabulary.h"
#include "numerics/quantise.h"

namespace millrace {
namespace {

// llama.cpp's number for "mostly this type" (general.file_type).
std::uint32_t FileType(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ8_0:
      return 7;
    case DType::kQ4_K:
      return 14;
    case DType::kQ6_K:
      return 18;
    case DType::kBF16:
      return 32;
    case DType::kQ4_1:
      return 3;
    case DType::kQ5_0:
      return 8;
    case DType::kQ5_1:
      return 9;
    case DType::kQ5_K:
      return 16;
    case DType::kIQ4_NL:
      return 25;
    case DType::kIQ4_XS:
      return 30;
    case DType::kMXFP4:
      return 38;
    case DType::kQ2_K:
      return 10;
    case DType::kQ3_K:
      return 11;
  }
  MILLRACE_CHECK(false);
  return 0;
}

std::uint32_t Count(std::int64_t value) { return static_cast<std::uint32_t>(value); }

void SetShape(GgufWriter& writer, const LlamaShape& shape, DType dtype) {
  writer.Set("general.architecture", "llama");
  writer.Set("general.name", shape.name + " of random weights");
  writer.Set("general.file_type", FileType(dtype));
  writer.Set("general.quantization_version", std::uint32_t{2});
  writer.Set("llama.context_length", Count(shape.context));
  writer.Set("llama.embedding_length", Count(shape.hidden));
  writer.Set("llama.block_count", Count(shape.layers));
  writer.Set("llama.feed_forward_length", Count(shape.ffn));
  writer.Set("llama.attention.head_count", Count(shape.heads));
  writer.Set("llama.attention.head_count_kv", Count(shape.kv_heads));
  writer.Set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.Set("llama.rope.dimension_count", Count(shape.head_dim()));
  writer.Set("llama.rope.freq_base", shape.rope_base);
  writer.Set("llama.vocab_size", Count(shape.vocabulary));
}

void SetVocabulary(GgufWriter& writer, MadeUpVocabulary vocabulary) {
  writer.Set("tokenizer.ggml.model", "llama");
  writer.Set("tokenizer.ggml.tokens", std::move(vocabulary.pieces));
  writer.Set("tokenizer.ggml.scores", std::move(vocabulary.scores));
  writer.Set("tokenizer.ggml.token_type", std::move(vocabulary.kinds));
  writer.Set("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
  writer.Set("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  writer.Set("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  writer.Set("tokenizer.ggml.add_bos_token", true);
  writer.Set("tokenizer.ggml.add_eos_token", false);
}

void AddTensors(GgufWriter& writer, const LlamaShape& s, DType dtype) {
  const auto matrix = [&](std::string name, std::int64_t rows, std::int64_t columns) {
    writer.AddTensor({std::move(name), dtype, {columns, rows}});
  };
  const auto norm = [&](std::string name) {
    writer.AddTensor({std::move(name), DType::kF32, {s.hidden}});
  };
  matrix("token_embd.weight", s.vocabulary, s.hidden);
  for (std::int64_t layer = 0; layer < s.layers; ++layer) {
    const auto in = [&](const char* name) { return fmt::format("blk.{}.{}.weight", layer, name); };
    norm(in("attn_norm"));
    matrix(in("attn_q"), s.hidden, s.hidden);
    matrix(in("attn_k"), s.kv_columns(), s.hidden);
    matrix(in("attn_v"), s.kv_columns(), s.hidden);
    matrix(in("attn_output"), s.hidden, s.hidden);
    norm(in("ffn_norm"));
    matrix(in("ffn_gate"), s.ffn, s.hidden);
    matrix(in("ffn_up"), s.ffn, s.hidden);
    matrix(in("ffn_down"), s.hidden, s.ffn);
  }
  norm("output_norm.weight");
  if (!s.tied) matrix("output.weight", s.vocabulary, s.hidden);
}

// Fills values with numbers of mean 0 and variance 1, each the sum of the four bytes of a random
// word: within 3.5 deviations, and no libm in it that could differ between machines. `at` is the
// position of values[0] in its tensor, in units of four values.
void FillNearlyNormal(std::uint64_t seed, std::uint64_t tensor, std::uint64_t at,
                      std::span<float> values) {
  constexpr float kMean = 4 * 127.5f;
  const float inverse_deviation = 1.0f / std::sqrt(4 * (65536.0f - 1.0f) / 12.0f);
  for (std::size_t i = 0; i < values.size(); i += 4, ++at) {
    const std::array<std::uint32_t, 4> words = Draw(seed, tensor, at);
    const std::size_t count = std::min<std::size_t>(4, values.size() - i);
    for (std::size_t j = 0; j < count; ++j) {
      const std::uint32_t pairs = (words[j] & 0x00ff00ff) + (words[j] >> 8 & 0x00ff00ff);
      const auto sum = static_cast<float>((pairs & 0xffff) + (pairs >> 16));
      values[i + j] = (sum - kMean) * inverse_deviation;
    }
  }
}

// One row of the model's weights, before quantisation. Vectors are norms: near 1.
void FillRow(const GgufTensor& tensor, std::uint64_t seed, std::size_t tensor_number,
             std::int64_t row, std::span<float> values) {
  const std::uint64_t draws_per_row = (values.size() + 3) / 4;
  FillNearlyNormal(seed, tensor_number, static_cast<std::uint64_t>(row) * draws_per_row, values);
  const bool is_norm = tensor.shape.size() == 1;
  const float mean = is_norm ? 1.0f : 0.0f;
  const float deviation = is_norm ? 0.1f : 1.0f / std::sqrt(static_cast<float>(values.size()));
  for (float& value : values) value = mean + deviation * value;
}

}  // namespace

Result<void> WriteRandomLlama(const LlamaShape& shape, DType dtype, std::uint64_t seed,
                              const std::string& path) {
  MILLRACE_TRY_VOID(CheckShape(shape, dtype));
  GgufWriter writer;
  SetShape(writer, shape, dtype);
  SetVocabulary(writer, MakeUpVocabulary(shape.vocabulary));
  AddTensors(writer, shape, dtype);
  std::vector<float> values;
  return writer.Write(path, [&](const GgufRows& rows) -> Result<void> {
    const GgufTensor& tensor = writer.tensors()[rows.tensor];
    values.resize(static_cast<std::size_t>(tensor.shape[0]));
    const std::size_t row_bytes = tensor.row_bytes();
    for (std::int64_t i = 0; i < rows.row_count; ++i) {
      FillRow(tensor, seed, rows.tensor, rows.first_row + i, values);
      QuantiseRow(tensor.dtype, values,
                  rows.bytes.subspan(static_cast<std::size_t>(i) * row_bytes, row_bytes));
    }
    return {};
  });
}

}  // namespace millrace

#include "random_transformer.h"

#include <cmath>
#include <cstring>
#include <random>

#include "numerics/blocks.h"

namespace millrace {
namespace {

class Builder {
 public:
  Builder(DType dtype, std::uint32_t seed) : dtype_(dtype), random_(seed) {}

  WeightId Matrix(const char* name, std::int64_t rows, std::int64_t columns) {
    const auto count = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(columns);
    auto bytes = std::make_unique<std::vector<std::byte>>(count * RowBytes(dtype_, width));
    const float scale = 1.0f / std::sqrt(static_cast<float>(columns));
    for (std::size_t at = 0; at < bytes->size(); at += BlockBytes(dtype_))
      FillBlock(bytes->data() + at, scale);
    return Keep({name, dtype_, rows, columns, {}}, std::move(bytes));
  }

  WeightId Norm(const char* name, std::int64_t columns) {
    auto bytes =
        std::make_unique<std::vector<std::byte>>(static_cast<std::size_t>(columns) * sizeof(float));
    for (std::size_t at = 0; at < bytes->size(); at += sizeof(float)) {
      const float value = 1.0f + 0.1f * normal_(random_);
      std::memcpy(bytes->data() + at, &value, sizeof(float));
    }
    return Keep({name, DType::kF32, 1, columns, {}}, std::move(bytes));
  }

  ValueId Push(Operation operation, std::int64_t columns) {
    result_.graph.operations.push_back(operation);
    result_.graph.columns.push_back(static_cast<std::int32_t>(columns));
    return {static_cast<std::int32_t>(result_.graph.operations.size()) - 1};
  }

  RandomTransformer& result() { return result_; }

 private:
  // Random quants with a scale that gives weights of about `scale`.
  void FillBlock(std::byte* block, float scale) {
    for (std::size_t i = 0; i < BlockBytes(dtype_); ++i)
      block[i] = static_cast<std::byte>(random_());
    const float value = scale * normal_(random_);
    const Half half = FloatToHalf(value), small = FloatToHalf(value / 8),
               tiny = FloatToHalf(value / 1000);
    const BFloat bfloat = FloatToBFloat(value);
    switch (dtype_) {
      case DType::kF32:
        std::memcpy(block, &value, 4);
        break;
      case DType::kF16:
        std::memcpy(block, &half, 2);
        break;
      case DType::kBF16:
        std::memcpy(block, &bfloat, 2);
        break;
      case DType::kQ8_0: {
        const Half d = FloatToHalf(value / 64);
        std::memcpy(block, &d, 2);
        break;
      }
      case DType::kQ4_0:
        std::memcpy(block, &small, 2);
        break;
      case DType::kQ5_0: {
        const Half d = FloatToHalf(value / 16);
        std::memcpy(block, &d, 2);
        break;
      }
      case DType::kQ4_1:
      case DType::kQ5_1: {
        const Half d = FloatToHalf(value / 16);
        const Half least = FloatToHalf(-value * (dtype_ == DType::kQ4_1 ? 0.5f : 1.0f));
        std::memcpy(block, &d, 2);
        std::memcpy(block + 2, &least, 2);
        break;
      }
      case DType::kIQ4_NL: {
        const Half d = FloatToHalf(value / 64);
        std::memcpy(block, &d, 2);
        break;
      }
      case DType::kIQ4_XS:
        std::memcpy(block, &tiny, 2);
        break;
      case DType::kMXFP4: {
        // a power of two near scale / 4
        block[0] =
            static_cast<std::byte>(126 + std::ilogb(scale) + static_cast<int>(random_() % 2));
        break;
      }
      case DType::kQ2_K: {
        const Half d = FloatToHalf(value / 16), dmin = FloatToHalf(value / 11);
        std::memcpy(block + offsetof(BlockQ2_K, d), &d, 2);
        std::memcpy(block + offsetof(BlockQ2_K, dmin), &dmin, 2);
        break;
      }
      case DType::kQ3_K: {
        const Half d = FloatToHalf(value / 32);
        std::memcpy(block + offsetof(BlockQ3_K, d), &d, 2);
        break;
      }
      case DType::kQ5_K:
      case DType::kQ4_K:
        std::memcpy(block, &tiny, 2);
        std::memcpy(block + 2, &tiny, 2);
        break;
      case DType::kQ6_K:
        std::memcpy(block + offsetof(BlockQ6_K, d), &tiny, 2);
        break;
    }
  }

  WeightId Keep(Weight weight, std::unique_ptr<std::vector<std::byte>> bytes) {
    weight.bytes = *bytes;
    result_.storage.push_back(std::move(bytes));
    result_.graph.weights.push_back(std::move(weight));
    return {static_cast<std::int32_t>(result_.graph.weights.size()) - 1};
  }

  DType dtype_;
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  RandomTransformer result_;
};

}  // namespace

RandomTransformer MakeRandomTransformer(const RandomShape& s, DType dtype, std::uint32_t seed) {
  Builder b(dtype, seed);
  RopeTable table;
  for (std::int64_t i = 0; i < s.rotary / 2; ++i) {
    table.frequencies.push_back(
        std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(s.rotary)));
  }
  b.result().graph.rope_tables.push_back(table);
  const auto head_dim = static_cast<std::int32_t>(s.head_dim);
  ValueId x = b.Push(Embed{b.Matrix("embedding", s.vocabulary, s.hidden)}, s.hidden);
  for (std::int64_t layer = 0; layer < s.layers; ++layer) {
    const std::int64_t query_columns = s.heads * s.head_dim, kv_columns = s.kv_heads * s.head_dim;
    const ValueId n = b.Push(RmsNorm{x, b.Norm("attention_norm", s.hidden), 1e-5f}, s.hidden);
    const ValueId q = b.Push(Linear{n, b.Matrix("q", query_columns, s.hidden)}, query_columns);
    const ValueId k = b.Push(Linear{n, b.Matrix("k", kv_columns, s.hidden)}, kv_columns);
    const ValueId v = b.Push(Linear{n, b.Matrix("v", kv_columns, s.hidden)}, kv_columns);
    const ValueId rq = b.Push(Rope{q, RopeTableId{0}, head_dim}, query_columns);
    const ValueId rk = b.Push(Rope{k, RopeTableId{0}, head_dim}, kv_columns);
    const ValueId a =
        b.Push(Attention{rq, rk, v, static_cast<std::int32_t>(layer),
                         static_cast<std::int32_t>(s.heads), static_cast<std::int32_t>(s.kv_heads),
                         head_dim, 1.0f / std::sqrt(static_cast<float>(s.head_dim))},
               query_columns);
    const ValueId o = b.Push(Linear{a, b.Matrix("o", s.hidden, query_columns)}, s.hidden);
    x = b.Push(Add{x, o}, s.hidden);
    const ValueId m = b.Push(RmsNorm{x, b.Norm("ffn_norm", s.hidden), 1e-5f}, s.hidden);
    const ValueId gate = b.Push(Linear{m, b.Matrix("gate", s.ffn, s.hidden)}, s.ffn);
    const ValueId up = b.Push(Linear{m, b.Matrix("up", s.ffn, s.hidden)}, s.ffn);
    const ValueId product = b.Push(SiluMul{gate, up}, s.ffn);
    const ValueId down = b.Push(Linear{product, b.Matrix("down", s.hidden, s.ffn)}, s.hidden);
    x = b.Push(Add{x, down}, s.hidden);
  }
  const ValueId n = b.Push(RmsNorm{x, b.Norm("output_norm", s.hidden), 1e-5f}, s.hidden);
  b.result().graph.logits =
      b.Push(Linear{n, b.Matrix("output", s.vocabulary, s.hidden)}, s.vocabulary);
  return std::move(b.result());
}

}  // namespace millrace

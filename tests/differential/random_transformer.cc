#include "random_transformer.h"

#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include <fmt/format.h>

#include "numerics/blocks.h"

namespace millrace {
namespace {

class Builder {
 public:
  Builder(DType dtype, std::uint32_t seed) : dtype_(dtype), random_(seed) {}

  WeightId Matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const auto count = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(columns);
    auto bytes = std::make_unique<std::vector<std::byte>>(count * RowBytes(dtype_, width));
    const float scale = 1.0f / std::sqrt(static_cast<float>(columns));
    for (std::size_t at = 0; at < bytes->size(); at += BlockBytes(dtype_))
      FillBlock(bytes->data() + at, scale);
    return Keep({name, dtype_, rows, columns, {}}, std::move(bytes));
  }

  WeightId Norm(const std::string& name, std::int64_t columns) {
    return Floats(name, columns, 1.0f, 0.1f);
  }
  WeightId Vector(const std::string& name, std::int64_t columns) {
    return Floats(name, columns, 0.0f, 0.3f);
  }

  std::int64_t Columns(ValueId id) const { return result_.graph.columns[id.index()]; }

  WeightId Floats(const std::string& name, std::int64_t columns, float mean, float deviation) {
    auto bytes =
        std::make_unique<std::vector<std::byte>>(static_cast<std::size_t>(columns) * sizeof(float));
    for (std::size_t at = 0; at < bytes->size(); at += sizeof(float)) {
      const float value = mean + deviation * normal_(random_);
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

std::int32_t Int(std::int64_t n) { return static_cast<std::int32_t>(n); }

// Appends the parts of a transformer, with unique weight names.
class TransformerBuilder {
 public:
  TransformerBuilder(const RandomShape& shape, DType dtype, std::uint32_t seed)
      : s_(shape), b_(dtype, seed) {}

  RandomTransformer Build() {
    for (const double base : {10000.0, 500.0}) {
      RopeTable table;
      for (std::int64_t i = 0; i < s_.rotary / 2; ++i) {
        table.frequencies.push_back(
            std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(s_.rotary)));
      }
      b_.result().graph.rope_tables.push_back(table);
    }
    ValueId x = b_.Push(Embed{b_.Matrix("embedding", s_.vocabulary, s_.hidden)}, s_.hidden);
    if (s_.embedding_scale != 1) x = b_.Push(Scale{x, s_.embedding_scale}, s_.hidden);
    for (layer_ = 0; layer_ < s_.layers; ++layer_) {
      x = Residual(x, [this](ValueId n) { return s_.latent == 0 ? Heads(n) : Latent(n); });
      x = Residual(x, [this](ValueId n) {
        return s_.experts == 0 || (s_.dense_first && layer_ == 0) ? Gated(n) : Routed(n);
      });
    }
    const ValueId n = Norm(x, s_.hidden);
    ValueId logits =
        b_.Push(Linear{n, b_.Matrix("output", s_.vocabulary, s_.hidden)}, s_.vocabulary);
    if (s_.logit_softcap != 0) logits = b_.Push(Softcap{logits, s_.logit_softcap}, s_.vocabulary);
    b_.result().graph.logits = logits;
    return std::move(b_.result());
  }

 private:
  std::string Name(const char* name) { return fmt::format("{}.{}", name, count_++); }

  ValueId Norm(ValueId x, std::int64_t run) {
    return b_.Push(RmsNorm{x, b_.Norm(Name("norm"), run), 1e-5f}, b_.Columns(x));
  }

  template <typename Part>
  ValueId Residual(ValueId x, Part part) {
    ValueId branch = part(Norm(x, s_.hidden));
    if (s_.post_norms) branch = Norm(branch, s_.hidden);
    return b_.Push(Add{x, branch}, s_.hidden);
  }

  ValueId Project(ValueId x, std::int64_t rows) {
    Linear linear{.input = x, .weight = b_.Matrix(Name("matrix"), rows, b_.Columns(x))};
    if (s_.biases) linear.bias = b_.Vector(Name("bias"), rows);
    return b_.Push(linear, rows);
  }
  // A matrix of its own for each head.
  ValueId ProjectHeads(ValueId x, std::int64_t rows) {
    const std::int64_t columns = b_.Columns(x) / s_.heads;
    return b_.Push(Linear{.input = x,
                          .weight = b_.Matrix(Name("heads"), s_.heads * rows, columns),
                          .groups = Int(s_.heads)},
                   s_.heads * rows);
  }

  ValueId Rotated(ValueId x, std::int64_t head_dim) {
    const RopeTableId table{layer_ == 0 && s_.window != 0 ? 1 : 0};
    return b_.Push(
        Rope{.input = x, .table = table, .head_dim = Int(head_dim), .first = 0, .pairs = s_.pairs},
        b_.Columns(x));
  }

  Attention Rule(ValueId query, ValueId key, ValueId value) {
    Attention rule{.query = query, .key = key, .value = value, .layer = Int(layer_)};
    rule.heads = Int(s_.heads);
    rule.kv_heads = Int(s_.latent == 0 ? s_.kv_heads : 1);
    rule.head_dim = Int(b_.Columns(query) / s_.heads);
    rule.value_dim = Int(b_.Columns(value) / rule.kv_heads);
    rule.scale = 1.0f / std::sqrt(static_cast<float>(s_.head_dim));
    rule.window = layer_ == 0 ? s_.window : 0;
    rule.softcap = s_.attention_softcap;
    if (s_.sinks) rule.sinks = b_.Vector(Name("sinks"), s_.heads);
    return rule;
  }

  ValueId Heads(ValueId n) {
    ValueId query = Project(n, s_.heads * s_.head_dim), key = Project(n, s_.kv_heads * s_.head_dim);
    const ValueId value = Project(n, s_.kv_heads * s_.head_dim);
    if (s_.head_norms) {
      query = Norm(query, s_.head_dim);
      key = Norm(key, s_.head_dim);
    }
    query = Rotated(query, s_.head_dim);
    key = Rotated(key, s_.head_dim);
    return Project(b_.Push(Rule(query, key, value), s_.heads * s_.head_dim), s_.hidden);
  }

  ValueId Latent(ValueId n) {
    const std::int64_t nope = s_.head_dim - s_.rotary;
    const ValueId down = s_.query_down == 0 ? n : Norm(Project(n, s_.query_down), s_.query_down);
    const ValueId query = Project(down, s_.heads * s_.head_dim);
    const auto slice = [&](std::int64_t begin, std::int64_t size) {
      return b_.Push(HeadSlice{query, Int(s_.heads), Int(begin), Int(size)}, s_.heads * size);
    };
    const ValueId absorbed = ProjectHeads(slice(0, nope), s_.latent);
    const ValueId rotated = Rotated(slice(nope, s_.rotary), s_.rotary);
    const std::int64_t width = s_.latent + s_.rotary;
    const ValueId full = b_.Push(HeadConcat{absorbed, rotated, Int(s_.heads)}, s_.heads * width);
    const ValueId latent = Norm(Project(n, s_.latent), s_.latent);
    const ValueId key =
        b_.Push(HeadConcat{latent, Rotated(Project(n, s_.rotary), s_.rotary), 1}, width);
    const ValueId attended = b_.Push(Rule(full, key, latent), s_.heads * s_.latent);
    return Project(ProjectHeads(attended, s_.latent_value), s_.hidden);
  }

  ValueId Gated(ValueId n) {
    const ValueId gate = Project(n, s_.ffn), up = Project(n, s_.ffn);
    return Project(b_.Push(GateMul{gate, up, s_.gate}, s_.ffn), s_.hidden);
  }

  ValueId Routed(ValueId n) {
    Route route = s_.route;
    route.logits = Project(n, s_.experts);
    route.chosen = Int(s_.chosen);
    if (s_.selection_bias) route.selection_bias = b_.Vector(Name("selection"), s_.experts);
    Experts experts{.input = n, .routes = b_.Push(route, s_.experts)};
    const std::int64_t rows = s_.experts * s_.expert_rows;
    experts.gate = b_.Matrix(Name("gates"), rows, s_.hidden);
    experts.up = b_.Matrix(Name("ups"), rows, s_.hidden);
    experts.down = b_.Matrix(Name("downs"), s_.experts * s_.hidden, s_.expert_rows);
    if (s_.biases) {
      experts.gate_bias = b_.Vector(Name("gate_bias"), rows);
      experts.up_bias = b_.Vector(Name("up_bias"), rows);
      experts.down_bias = b_.Vector(Name("down_bias"), s_.experts * s_.hidden);
    }
    experts.kind = s_.gate;
    const ValueId sum = b_.Push(experts, s_.hidden);
    return s_.shared_expert ? b_.Push(Add{sum, Gated(n)}, s_.hidden) : sum;
  }

  const RandomShape& s_;
  Builder b_;
  std::int64_t layer_ = 0;
  int count_ = 0;
};

}  // namespace

RandomTransformer MakeRandomTransformer(const RandomShape& shape, DType dtype, std::uint32_t seed) {
  return TransformerBuilder(shape, dtype, seed).Build();
}

}  // namespace millrace

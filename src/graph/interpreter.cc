#include "graph/interpreter.h"

#include <algorithm>

#include "base/check.h"
#include "numerics/half.h"

namespace millrace {
namespace {

std::size_t Size(std::int64_t count) { return static_cast<std::size_t>(count); }

// A whole weight as binary32.
std::vector<float> Dequantise(const Weight& weight) {
  std::vector<float> values(Size(weight.rows) * Size(weight.columns));
  const std::size_t row_bytes = RowBytes(weight.dtype, Size(weight.columns));
  for (std::size_t r = 0; r < Size(weight.rows); ++r) {
    reference::DequantiseRow(
        weight.dtype, weight.bytes.data() + r * row_bytes,
        std::span(values).subspan(r * Size(weight.columns), Size(weight.columns)));
  }
  return values;
}

}  // namespace

Interpreter::Interpreter(const Graph& graph, reference::CacheType cache)
    : graph_(graph), cache_type_(cache), values_(graph.operations.size()) {
  for (const Weight& weight : graph.weights) MILLRACE_CHECK(!weight.bytes.empty());
  for (const Operation& operation : graph.operations) {
    if (std::holds_alternative<Attention>(operation)) layers_.emplace_back();
  }
}

std::size_t Interpreter::vocabulary() const { return Size(graph_.columns[graph_.logits.index()]); }

std::vector<float> Interpreter::Step(std::span<const TokenId> tokens) {
  if (tokens.empty()) return {};
  GrowRopeAngles(position_ + tokens.size());
  for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
    values_[i] = std::visit([&](const auto& op) { return Run(op, tokens); }, graph_.operations[i]);
    MILLRACE_CHECK(values_[i].size() == tokens.size() * Size(graph_.columns[i]));
  }
  position_ += tokens.size();
  return values_[graph_.logits.index()];
}

std::span<const float> Interpreter::Row(ValueId value, std::size_t token) const {
  const std::size_t columns = Size(graph_.columns[value.index()]);
  return std::span(values_[value.index()]).subspan(token * columns, columns);
}

void Interpreter::GrowRopeAngles(std::size_t positions) {
  if (positions <= angle_positions_) return;
  angle_positions_ = std::max(positions, 2 * angle_positions_);
  angles_.clear();
  for (const RopeTable& table : graph_.rope_tables) {
    angles_.push_back(BuildRopeAngles(table, angle_positions_));
  }
}

Interpreter::Matrix Interpreter::Run(const Embed& op, std::span<const TokenId> tokens) const {
  const Weight& table = graph_.weight(op.table);
  const std::size_t columns = Size(table.columns);
  Matrix result(tokens.size() * columns);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    MILLRACE_CHECK(tokens[t].value >= 0 && tokens[t].value < table.rows);
    const std::byte* row = table.bytes.data() + tokens[t].index() * RowBytes(table.dtype, columns);
    reference::DequantiseRow(table.dtype, row, std::span(result).subspan(t * columns, columns));
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const RmsNorm& op, std::span<const TokenId> tokens) const {
  const std::vector<float> weight = Dequantise(graph_.weight(op.weight));
  const std::size_t columns = weight.size();
  Matrix result(tokens.size() * columns);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    reference::RmsNorm(Row(op.input, t), weight, op.eps,
                       std::span(result).subspan(t * columns, columns));
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const Linear& op, std::span<const TokenId> tokens) const {
  const Weight& weight = graph_.weight(op.weight);
  const std::size_t rows = Size(weight.rows);
  Matrix result(tokens.size() * rows);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    reference::Linear(weight.dtype, weight.bytes.data(), Row(op.input, t),
                      std::span(result).subspan(t * rows, rows));
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const Rope& op, std::span<const TokenId> tokens) const {
  Matrix result = values_[op.input.index()];
  const RopeAngles& angles = angles_[op.table.index()];
  const std::size_t head_dim = Size(op.head_dim);
  const std::size_t heads = Size(graph_.columns[op.input.index()]) / head_dim;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const std::size_t first = (position_ + t) * angles.pairs;
    const auto cosine = std::span(angles.cosine).subspan(first, angles.pairs);
    const auto sine = std::span(angles.sine).subspan(first, angles.pairs);
    for (std::size_t h = 0; h < heads; ++h) {
      reference::Rope(cosine, sine,
                      std::span(result).subspan((t * heads + h) * head_dim, head_dim));
    }
  }
  return result;
}

void Interpreter::Append(std::vector<float>& cache, ValueId value) const {
  for (const float x : values_[value.index()]) {
    cache.push_back(cache_type_ == reference::CacheType::kF16 ? RoundToHalf(x) : x);
  }
}

Interpreter::Matrix Interpreter::Run(const Attention& op, std::span<const TokenId> tokens) {
  LayerCache& cache = layers_[Size(op.layer)];
  Append(cache.keys, op.key);
  Append(cache.values, op.value);
  const std::size_t heads = Size(op.heads), kv_heads = Size(op.kv_heads);
  const std::size_t head_dim = Size(op.head_dim);
  Matrix result(tokens.size() * heads * head_dim);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t h = 0; h < heads; ++h) {
      const std::size_t kv_offset = h * kv_heads / heads * head_dim;
      reference::Attention(cache_type_, Row(op.query, t).subspan(h * head_dim, head_dim),
                           cache.keys.data() + kv_offset, cache.values.data() + kv_offset,
                           kv_heads * head_dim, position_ + t + 1, op.scale,
                           std::span(result).subspan((t * heads + h) * head_dim, head_dim));
    }
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const SiluMul& op, std::span<const TokenId>) const {
  Matrix result(values_[op.gate.index()].size());
  reference::SiluMul(values_[op.gate.index()], values_[op.up.index()], result);
  return result;
}

Interpreter::Matrix Interpreter::Run(const Add& op, std::span<const TokenId>) const {
  Matrix result = values_[op.left.index()];
  const Matrix& right = values_[op.right.index()];
  for (std::size_t i = 0; i < result.size(); ++i) result[i] += right[i];
  return result;
}

}  // namespace millrace

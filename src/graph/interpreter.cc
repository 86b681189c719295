#include "graph/interpreter.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "graph/reference_route.h"
#include "numerics/reference.h"

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
    if (const auto* attention = std::get_if<Attention>(&operation)) {
      layers_.push_back({{cache, Size(attention->kv_heads), Size(attention->head_dim)},
                         {cache, Size(attention->kv_heads), Size(attention->value_dim)}});
    }
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

Interpreter::Matrix Interpreter::Run(const RmsNorm& op, std::span<const TokenId>) const {
  const std::vector<float> weight = Dequantise(graph_.weight(op.weight));
  const Matrix& x = values_[op.input.index()];
  Matrix result(x.size());
  for (std::size_t at = 0; at < x.size(); at += weight.size()) {
    reference::RmsNorm(std::span(x).subspan(at, weight.size()), weight, op.eps,
                       std::span(result).subspan(at, weight.size()));
  }
  return result;
}

Interpreter::Matrix Interpreter::Multiply(WeightId id, const std::optional<WeightId>& bias,
                                          std::size_t part, std::size_t parts,
                                          std::span<const float> x) const {
  const Weight& weight = graph_.weight(id);
  const std::size_t rows = Size(weight.rows) / parts;
  Matrix y(rows);
  reference::Linear(weight.dtype,
                    weight.bytes.data() + part * rows * RowBytes(weight.dtype, x.size()), x, y);
  if (bias) {
    const std::vector<float> values = Dequantise(graph_.weight(*bias));
    for (std::size_t r = 0; r < rows; ++r) y[r] += values[part * rows + r];
  }
  return y;
}

Interpreter::Matrix Interpreter::Run(const Linear& op, std::span<const TokenId> tokens) const {
  const std::size_t groups = Size(op.groups), columns = Size(graph_.weight(op.weight).columns);
  Matrix result;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t g = 0; g < groups; ++g) {
      const Matrix y =
          Multiply(op.weight, op.bias, g, groups, Row(op.input, t).subspan(g * columns, columns));
      result.insert(result.end(), y.begin(), y.end());
    }
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
      const auto rotated =
          std::span(result).subspan((t * heads + h) * head_dim + Size(op.first), 2 * angles.pairs);
      if (op.pairs == RopePairs::kAdjacent) {
        reference::Rope(cosine, sine, rotated);
      } else {
        reference::RopeHalves(cosine, sine, rotated);
      }
    }
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const Attention& op, std::span<const TokenId> tokens) {
  LayerCache& cache = layers_[Size(op.layer)];
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    cache.keys.Append(Row(op.key, t));
    cache.values.Append(Row(op.value, t));
  }
  std::vector<float> sinks;
  if (op.sinks) sinks = Dequantise(graph_.weight(*op.sinks));
  reference::AttentionRule rule{
      .scale = op.scale, .window = Size(op.window), .softcap = op.softcap};
  const std::size_t heads = Size(op.heads), head_dim = Size(op.head_dim);
  const std::size_t value_dim = Size(op.value_dim);
  Matrix result(tokens.size() * heads * value_dim);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t h = 0; h < heads; ++h) {
      if (op.sinks) rule.sink = sinks[h];
      reference::Attention(cache.keys, cache.values, h * Size(op.kv_heads) / heads, position_ + t,
                           Row(op.query, t).subspan(h * head_dim, head_dim), rule,
                           std::span(result).subspan((t * heads + h) * value_dim, value_dim));
    }
  }
  return result;
}

namespace {

void ApplyGate(GateKind kind, std::span<const float> gate, std::span<const float> up,
               std::span<float> y) {
  switch (kind) {
    case GateKind::kSilu:
      return reference::SiluMul(gate, up, y);
    case GateKind::kGelu:
      return reference::GeluMul(gate, up, y);
    case GateKind::kClampedSwiglu:
      return reference::ClampedSwigluMul(gate, up, y);
  }
}

}  // namespace

Interpreter::Matrix Interpreter::Run(const GateMul& op, std::span<const TokenId>) const {
  Matrix result(values_[op.gate.index()].size());
  ApplyGate(op.kind, values_[op.gate.index()], values_[op.up.index()], result);
  return result;
}

Interpreter::Matrix Interpreter::Run(const Scale& op, std::span<const TokenId>) const {
  Matrix result = values_[op.input.index()];
  for (float& x : result) x *= op.factor;
  return result;
}

Interpreter::Matrix Interpreter::Run(const Softcap& op, std::span<const TokenId>) const {
  Matrix result(values_[op.input.index()].size());
  reference::Softcap(values_[op.input.index()], op.cap, result);
  return result;
}

Interpreter::Matrix Interpreter::Run(const HeadSlice& op, std::span<const TokenId> tokens) const {
  Matrix result;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const auto row = Row(op.input, t);
    const std::size_t width = row.size() / Size(op.heads);
    for (std::size_t h = 0; h < Size(op.heads); ++h) {
      const auto part = row.subspan(h * width + Size(op.begin), Size(op.size));
      result.insert(result.end(), part.begin(), part.end());
    }
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const HeadConcat& op, std::span<const TokenId> tokens) const {
  Matrix result;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t h = 0; h < Size(op.heads); ++h) {
      for (const ValueId id : {op.left, op.right}) {
        const auto row = Row(id, t);
        const std::size_t width = row.size() / Size(op.heads);
        const auto part = row.subspan(h * width, width);
        result.insert(result.end(), part.begin(), part.end());
      }
    }
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const Route& op, std::span<const TokenId> tokens) const {
  std::vector<float> bias;
  if (op.selection_bias) bias = Dequantise(graph_.weight(*op.selection_bias));
  Matrix result;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const std::vector<float> routes = ReferenceRoute(op, bias, Row(op.logits, t));
    result.insert(result.end(), routes.begin(), routes.end());
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const Experts& op, std::span<const TokenId> tokens) const {
  const std::size_t experts = Size(graph_.columns[op.routes.index()]);
  const std::size_t hidden = Size(graph_.weight(op.down).rows) / experts;
  Matrix result(tokens.size() * hidden, 0.0f);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t e = 0; e < experts; ++e) {
      const float route = Row(op.routes, t)[e];
      if (route == 0) continue;
      Matrix gate = Multiply(op.gate, op.gate_bias, e, experts, Row(op.input, t));
      const Matrix up = Multiply(op.up, op.up_bias, e, experts, Row(op.input, t));
      ApplyGate(op.kind, gate, up, gate);
      const Matrix y = Multiply(op.down, op.down_bias, e, experts, gate);
      for (std::size_t r = 0; r < hidden; ++r) {
        float& sum = result[t * hidden + r];
        sum = std::fma(route, y[r], sum);
      }
    }
  }
  return result;
}

Interpreter::Matrix Interpreter::Run(const Add& op, std::span<const TokenId>) const {
  Matrix result = values_[op.left.index()];
  const Matrix& right = values_[op.right.index()];
  for (std::size_t i = 0; i < result.size(); ++i) result[i] += right[i];
  return result;
}

}  // namespace millrace

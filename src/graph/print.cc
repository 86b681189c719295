#include "graph/print.h"

#include <fmt/format.h>

#include "graph/overloaded.h"

namespace millrace {
namespace {

std::string WeightName(const Graph& graph, WeightId id) {
  if (id.value < 0 || id.index() >= graph.weights.size()) {
    return fmt::format("<weight {}>", id.value);
  }
  return graph.weights[id.index()].name;
}

// Everything between the operation's name and the colon.
std::string Operands(const Graph& graph, const Operation& operation) {
  return std::visit(
      Overloaded{
          [&](const Embed& op) { return WeightName(graph, op.table); },
          [&](const RmsNorm& op) {
            return fmt::format("%{}, {}, eps {}", op.input.value, WeightName(graph, op.weight),
                               op.eps);
          },
          [&](const Linear& op) {
            return fmt::format("%{}, {}", op.input.value, WeightName(graph, op.weight));
          },
          [&](const Rope& op) {
            return fmt::format("%{}, table {}, head_dim {}", op.input.value, op.table.value,
                               op.head_dim);
          },
          [&](const Attention& op) {
            return fmt::format(
                "query %{}, key %{}, value %{}, layer {}, heads {}, kv_heads {}, head_dim {}, "
                "scale {}",
                op.query.value, op.key.value, op.value.value, op.layer, op.heads, op.kv_heads,
                op.head_dim, op.scale);
          },
          [&](const SiluMul& op) {
            return fmt::format("gate %{}, up %{}", op.gate.value, op.up.value);
          },
          [&](const Add& op) { return fmt::format("%{}, %{}", op.left.value, op.right.value); },
      },
      operation);
}

}  // namespace

std::string_view Name(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const Embed&) { return std::string_view("embed"); },
                        [](const RmsNorm&) { return std::string_view("rms_norm"); },
                        [](const Linear&) { return std::string_view("linear"); },
                        [](const Rope&) { return std::string_view("rope"); },
                        [](const Attention&) { return std::string_view("attention"); },
                        [](const SiluMul&) { return std::string_view("silu_mul"); },
                        [](const Add&) { return std::string_view("add"); },
                    },
                    operation);
}

std::string PrintOperation(const Graph& graph, ValueId value) {
  const Operation& operation = graph.operations[value.index()];
  return fmt::format("%{} = {} {} : {}", value.value, Name(operation), Operands(graph, operation),
                     graph.columns[value.index()]);
}

std::string Print(const Graph& graph) {
  std::string text;
  for (const Weight& weight : graph.weights) {
    text += fmt::format("weight {} {} [{}, {}]\n", weight.name, Name(weight.dtype), weight.rows,
                        weight.columns);
  }
  for (std::size_t i = 0; i < graph.rope_tables.size(); ++i) {
    const RopeTable& table = graph.rope_tables[i];
    text += fmt::format("rope_table {} magnitude {} frequencies [{}]\n", i, table.magnitude,
                        fmt::join(table.frequencies, ", "));
  }
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    text += PrintOperation(graph, ValueId{static_cast<std::int32_t>(i)}) + "\n";
  }
  return text + fmt::format("logits %{}\n", graph.logits.value);
}

}  // namespace millrace

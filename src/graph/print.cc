#include "graph/print.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/overloaded.h"

namespace millrace {
namespace {

std::string WeightName(const Graph& graph, WeightId id) {
  if (id.value < 0 || id.index() >= graph.weights.size()) {
    return fmt::format("<weight {}>", id.value);
  }
  return graph.weights[id.index()].name;
}

// ", name WEIGHT", or nothing.
std::string Named(std::string_view name, const Graph& graph, const std::optional<WeightId>& id) {
  return id ? fmt::format(", {} {}", name, WeightName(graph, *id)) : "";
}

// ", name VALUE", or nothing for the usual value.
template <typename Number>
std::string Unless(Number usual, std::string_view name, Number value) {
  return value == usual ? "" : fmt::format(", {} {}", name, value);
}

std::string RouteOperands(const Graph& graph, const Route& op) {
  return fmt::format("%{}, chosen {}, {}", op.logits.value, op.chosen, Name(op.weights)) +
         Named("selection_bias", graph, op.selection_bias) + Unless(1, "groups", op.groups) +
         Unless(1, "chosen_groups", op.chosen_groups) + (op.normalise ? ", normalise" : "") +
         Unless(1.0f, "scale", op.scale);
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
            return fmt::format("%{}, {}", op.input.value, WeightName(graph, op.weight)) +
                   Named("bias", graph, op.bias) + Unless(1, "groups", op.groups);
          },
          [&](const Rope& op) {
            return fmt::format("%{}, table {}, head_dim {}", op.input.value, op.table.value,
                               op.head_dim) +
                   Unless(0, "first", op.first) +
                   (op.pairs == RopePairs::kHalves ? ", halves" : "");
          },
          [&](const Attention& op) {
            return fmt::format(
                       "query %{}, key %{}, value %{}, layer {}, heads {}, kv_heads {}, head_dim "
                       "{}, "
                       "scale {}",
                       op.query.value, op.key.value, op.value.value, op.layer, op.heads,
                       op.kv_heads, op.head_dim, op.scale) +
                   Unless(op.head_dim, "value_dim", op.value_dim) + Unless(0, "window", op.window) +
                   Unless(0.0f, "softcap", op.softcap) + Named("sinks", graph, op.sinks);
          },
          [&](const GateMul& op) {
            return fmt::format("gate %{}, up %{}", op.gate.value, op.up.value);
          },
          [&](const Add& op) { return fmt::format("%{}, %{}", op.left.value, op.right.value); },
          [&](const Scale& op) { return fmt::format("%{}, factor {}", op.input.value, op.factor); },
          [&](const Softcap& op) { return fmt::format("%{}, cap {}", op.input.value, op.cap); },
          [&](const HeadSlice& op) {
            return fmt::format("%{}, heads {}, begin {}, size {}", op.input.value, op.heads,
                               op.begin, op.size);
          },
          [&](const HeadConcat& op) {
            return fmt::format("%{}, %{}, heads {}", op.left.value, op.right.value, op.heads);
          },
          [&](const Route& op) { return RouteOperands(graph, op); },
          [&](const Experts& op) {
            return fmt::format("%{}, routes %{}, {}, gate {}, up {}, down {}", op.input.value,
                               op.routes.value, Name(op.kind), WeightName(graph, op.gate),
                               WeightName(graph, op.up), WeightName(graph, op.down)) +
                   Named("gate_bias", graph, op.gate_bias) + Named("up_bias", graph, op.up_bias) +
                   Named("down_bias", graph, op.down_bias);
          },
      },
      operation);
}

}  // namespace

std::string_view Name(GateKind kind) {
  switch (kind) {
    case GateKind::kSilu:
      return "silu_mul";
    case GateKind::kGelu:
      return "gelu_mul";
    case GateKind::kClampedSwiglu:
      return "clamped_swiglu_mul";
  }
  MILLRACE_CHECK(false);
  return "";
}

std::string_view Name(RouteWeights weights) {
  switch (weights) {
    case RouteWeights::kSoftmax:
      return "softmax";
    case RouteWeights::kSoftmaxOfChosen:
      return "softmax_of_chosen";
    case RouteWeights::kSigmoid:
      return "sigmoid";
  }
  MILLRACE_CHECK(false);
  return "";
}

std::string_view Name(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const Embed&) { return std::string_view("embed"); },
                        [](const RmsNorm&) { return std::string_view("rms_norm"); },
                        [](const Linear&) { return std::string_view("linear"); },
                        [](const Rope&) { return std::string_view("rope"); },
                        [](const Attention&) { return std::string_view("attention"); },
                        [](const GateMul& op) { return Name(op.kind); },
                        [](const Add&) { return std::string_view("add"); },
                        [](const Scale&) { return std::string_view("scale"); },
                        [](const Softcap&) { return std::string_view("softcap"); },
                        [](const HeadSlice&) { return std::string_view("head_slice"); },
                        [](const HeadConcat&) { return std::string_view("head_concat"); },
                        [](const Route&) { return std::string_view("route"); },
                        [](const Experts&) { return std::string_view("experts"); },
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

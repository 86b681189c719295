#include "graph/verify.h"

#include <cmath>
#include <limits>
#include <set>
#include <string_view>

#include "base/overloaded.h"
#include "graph/print.h"

namespace millrace {
namespace {

constexpr std::int64_t kLargestDimension = std::numeric_limits<std::int32_t>::max();

Result<void> VerifyWeight(const Weight& weight) {
  if (weight.name.empty() || weight.name.find_first_of(" \t\r\n,[]") != std::string::npos) {
    return Invalid("weight '{}' has a name that is empty or has blanks, commas or brackets",
                   weight.name);
  }
  for (const std::int64_t dimension : {weight.rows, weight.columns}) {
    if (dimension < 1 || dimension > kLargestDimension) {
      return Invalid("weight {} has shape [{}, {}], wanted 1 to {} rows and columns", weight.name,
                     weight.rows, weight.columns, kLargestDimension);
    }
  }
  const auto columns = static_cast<std::size_t>(weight.columns);
  if (columns % BlockElements(weight.dtype) != 0) {
    return Invalid("weight {} has rows of {}, wanted a multiple of {} for {}", weight.name, columns,
                   BlockElements(weight.dtype), Name(weight.dtype));
  }
  const std::size_t bytes = static_cast<std::size_t>(weight.rows) * RowBytes(weight.dtype, columns);
  if (!weight.bytes.empty() && weight.bytes.size() != bytes) {
    return Invalid("weight {} has {} bytes, wanted {}", weight.name, weight.bytes.size(), bytes);
  }
  return {};
}

Result<void> VerifyWeights(const Graph& graph) {
  std::set<std::string_view> names;
  for (const Weight& weight : graph.weights) {
    MILLRACE_TRY_VOID(VerifyWeight(weight));
    if (!names.insert(weight.name).second) return Invalid("weight {} occurs twice", weight.name);
    if (weight.bytes.empty() != graph.weights.front().bytes.empty()) {
      return Invalid("weight {} has {} bytes, unlike weight {}: wanted all or none", weight.name,
                     weight.bytes.empty() ? "no" : "its", graph.weights.front().name);
    }
  }
  return {};
}

Result<void> VerifyRopeTables(const Graph& graph) {
  for (std::size_t i = 0; i < graph.rope_tables.size(); ++i) {
    const RopeTable& table = graph.rope_tables[i];
    if (table.frequencies.empty()) return Invalid("rope table {} has no frequencies", i);
    if (!std::isfinite(table.magnitude)) return Invalid("rope table {}: magnitude not finite", i);
    for (const double frequency : table.frequencies) {
      if (!std::isfinite(frequency)) return Invalid("rope table {}: frequency not finite", i);
    }
  }
  return {};
}

// Verifies one operation against the values before it.
class OperationVerifier {
 public:
  OperationVerifier(const Graph& graph, std::size_t index, std::int32_t& attention_layers)
      : graph_(graph), index_(index), attention_layers_(attention_layers) {}

  Result<void> operator()(const Embed& op) const {
    if (index_ != 0) return Invalid("wanted only as the first operation");
    MILLRACE_TRY(const Weight* table, GetWeight(op.table));
    return Makes(table->columns);
  }

  Result<void> operator()(const RmsNorm& op) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(op.input));
    MILLRACE_TRY(const Weight* weight, GetWeight(op.weight));
    if (weight->dtype != DType::kF32 || weight->rows != 1 || columns % weight->columns != 0) {
      return Invalid("weight {} is {} [{}, {}], wanted F32 [1, {} or a divisor of it]",
                     weight->name, Name(weight->dtype), weight->rows, weight->columns, columns);
    }
    if (!std::isfinite(op.eps) || op.eps < 0) return Invalid("eps is {}, wanted >= 0", op.eps);
    return Makes(columns);
  }

  Result<void> operator()(const Linear& op) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(op.input));
    MILLRACE_TRY(const Weight* weight, GetWeight(op.weight));
    if (op.groups < 1 || weight->rows % op.groups != 0) {
      return Invalid("{} groups do not divide the {} rows of weight {}", op.groups, weight->rows,
                     weight->name);
    }
    if (weight->columns * op.groups != columns) {
      return Invalid("weight {} has {} columns{}, its input %{} has {}", weight->name,
                     weight->columns, op.groups == 1 ? "" : fmt::format(" x {} groups", op.groups),
                     op.input.value, columns);
    }
    MILLRACE_TRY_VOID(VectorIfAny("bias", op.bias, weight->rows));
    return Makes(weight->rows);
  }

  Result<void> operator()(const Rope& op) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(op.input));
    if (op.table.value < 0 || op.table.index() >= graph_.rope_tables.size()) {
      return Invalid("table {} does not exist, there are {}", op.table.value,
                     graph_.rope_tables.size());
    }
    if (op.head_dim < 1 || columns % op.head_dim != 0) {
      return Invalid("head_dim {} does not divide {} columns", op.head_dim, columns);
    }
    const std::size_t pairs = graph_.rope_tables[op.table.index()].frequencies.size();
    if (2 * pairs > static_cast<std::size_t>(op.head_dim)) {
      return Invalid("table {} rotates {} dimensions, head_dim is {}", op.table.value, 2 * pairs,
                     op.head_dim);
    }
    if (op.first < 0 ||
        static_cast<std::size_t>(op.first) + 2 * pairs > static_cast<std::size_t>(op.head_dim)) {
      return Invalid("table {} rotates {} dimensions from {}, head_dim is {}", op.table.value,
                     2 * pairs, op.first, op.head_dim);
    }
    return Makes(columns);
  }

  Result<void> operator()(const Attention& op) const {
    if (op.layer != attention_layers_) {
      return Invalid("found layer {}, wanted {}", op.layer, attention_layers_);
    }
    ++attention_layers_;
    if (op.kv_heads < 1 || op.heads < 1 || op.heads % op.kv_heads != 0 || op.head_dim < 1) {
      return Invalid("{} heads on {} kv_heads of {}, wanted a multiple and nothing below 1",
                     op.heads, op.kv_heads, op.head_dim);
    }
    if (op.value_dim < 1) return Invalid("value_dim is {}, wanted 1 or more", op.value_dim);
    if (!std::isfinite(op.scale)) return Invalid("scale is {}, wanted a finite one", op.scale);
    if (op.window < 0) return Invalid("window is {}, wanted 0 or more", op.window);
    if (!std::isfinite(op.softcap) || op.softcap < 0) {
      return Invalid("softcap is {}, wanted 0 or more", op.softcap);
    }
    MILLRACE_TRY_VOID(Wants("query", op.query, std::int64_t{op.heads} * op.head_dim));
    MILLRACE_TRY_VOID(Wants("key", op.key, std::int64_t{op.kv_heads} * op.head_dim));
    MILLRACE_TRY_VOID(Wants("value", op.value, std::int64_t{op.kv_heads} * op.value_dim));
    MILLRACE_TRY_VOID(VectorIfAny("sinks", op.sinks, op.heads));
    return Makes(std::int64_t{op.heads} * op.value_dim);
  }

  Result<void> operator()(const GateMul& op) const { return Elementwise(op.gate, op.up); }
  Result<void> operator()(const Add& op) const { return Elementwise(op.left, op.right); }

  Result<void> operator()(const Scale& op) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(op.input));
    if (!std::isfinite(op.factor)) return Invalid("factor is {}, wanted a finite one", op.factor);
    return Makes(columns);
  }

  Result<void> operator()(const Softcap& op) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(op.input));
    if (!std::isfinite(op.cap) || op.cap <= 0) return Invalid("cap is {}, wanted > 0", op.cap);
    return Makes(columns);
  }

  Result<void> operator()(const HeadSlice& op) const {
    MILLRACE_TRY(const std::int64_t width, HeadWidth(op.input, op.heads));
    if (op.begin < 0 || op.size < 1 || std::int64_t{op.begin} + op.size > width) {
      return Invalid("{} columns from {} do not lie in parts of {}", op.size, op.begin, width);
    }
    return Makes(std::int64_t{op.heads} * op.size);
  }

  Result<void> operator()(const HeadConcat& op) const {
    MILLRACE_TRY(const std::int64_t left, HeadWidth(op.left, op.heads));
    MILLRACE_TRY(const std::int64_t right, HeadWidth(op.right, op.heads));
    return Makes(op.heads * (left + right));
  }

  Result<void> operator()(const Route& op) const {
    MILLRACE_TRY(const std::int64_t experts, ColumnsOf(op.logits));
    if (op.groups < 1 || experts % op.groups != 0 || op.chosen_groups < 1 ||
        op.chosen_groups > op.groups) {
      return Invalid("{} of {} groups of {} experts, wanted a divisor and no more than there are",
                     op.chosen_groups, op.groups, experts);
    }
    const std::int64_t eligible = experts / op.groups * op.chosen_groups;
    if (op.chosen < 1 || op.chosen > eligible) {
      return Invalid("chosen is {}, wanted 1 to {}", op.chosen, eligible);
    }
    if (!std::isfinite(op.scale)) return Invalid("scale is {}, wanted a finite one", op.scale);
    MILLRACE_TRY_VOID(VectorIfAny("selection_bias", op.selection_bias, experts));
    return Makes(experts);
  }

  Result<void> operator()(const Experts& op) const {
    MILLRACE_TRY(const std::int64_t hidden, ColumnsOf(op.input));
    MILLRACE_TRY(const std::int64_t experts, ColumnsOf(op.routes));
    const Operation& router = graph_.operations[op.routes.index()];
    if (!std::holds_alternative<Route>(router)) {
      return Invalid("routes %{} are made by {}, wanted route", op.routes.value, Name(router));
    }
    MILLRACE_TRY(const Weight* down, GetWeight(op.down));
    const std::int64_t ffn = down->columns;
    MILLRACE_TRY_VOID(Stacked(op.gate, experts, ffn, hidden));
    MILLRACE_TRY_VOID(Stacked(op.up, experts, ffn, hidden));
    MILLRACE_TRY_VOID(Stacked(op.down, experts, hidden, ffn));
    MILLRACE_TRY_VOID(VectorIfAny("gate_bias", op.gate_bias, experts * ffn));
    MILLRACE_TRY_VOID(VectorIfAny("up_bias", op.up_bias, experts * ffn));
    MILLRACE_TRY_VOID(VectorIfAny("down_bias", op.down_bias, experts * hidden));
    return Makes(hidden);
  }

 private:
  Result<std::int64_t> ColumnsOf(ValueId id) const {
    if (id.value < 0 || id.index() >= index_) {
      return Invalid("operand %{} does not come before its use", id.value);
    }
    return graph_.columns[id.index()];
  }

  Result<const Weight*> GetWeight(WeightId id) const {
    if (id.value < 0 || id.index() >= graph_.weights.size()) {
      return Invalid("weight {} does not exist, there are {}", id.value, graph_.weights.size());
    }
    return &graph_.weights[id.index()];
  }

  Result<void> VectorIfAny(std::string_view name, const std::optional<WeightId>& id,
                           std::int64_t size) const {
    if (!id) return {};
    MILLRACE_TRY(const Weight* weight, GetWeight(*id));
    if (weight->dtype == DType::kF32 && weight->rows == 1 && weight->columns == size) return {};
    return Invalid("{} {} is {} [{}, {}], wanted F32 [1, {}]", name, weight->name,
                   Name(weight->dtype), weight->rows, weight->columns, size);
  }

  // The matrices [rows, columns] of all experts, one after the other.
  Result<void> Stacked(WeightId id, std::int64_t experts, std::int64_t rows,
                       std::int64_t columns) const {
    MILLRACE_TRY(const Weight* weight, GetWeight(id));
    if (weight->rows == experts * rows && weight->columns == columns) return {};
    return Invalid("weight {} is [{}, {}], wanted [{} x {}, {}]", weight->name, weight->rows,
                   weight->columns, experts, rows, columns);
  }

  // The columns of each of `heads` equal parts.
  Result<std::int64_t> HeadWidth(ValueId id, std::int32_t heads) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(id));
    if (heads < 1 || columns % heads != 0) {
      return Invalid("{} heads do not divide the {} columns of %{}", heads, columns, id.value);
    }
    return columns / heads;
  }

  Result<void> Wants(std::string_view name, ValueId id, std::int64_t wanted) const {
    MILLRACE_TRY(const std::int64_t columns, ColumnsOf(id));
    if (columns != wanted) {
      return Invalid("{} %{} has {} columns, wanted {}", name, id.value, columns, wanted);
    }
    return {};
  }

  Result<void> Makes(std::int64_t wanted) const {
    if (graph_.columns[index_] != wanted) {
      return Invalid("declared with {} columns, makes {}", graph_.columns[index_], wanted);
    }
    return {};
  }

  Result<void> Elementwise(ValueId left, ValueId right) const {
    MILLRACE_TRY(const std::int64_t left_columns, ColumnsOf(left));
    MILLRACE_TRY(const std::int64_t right_columns, ColumnsOf(right));
    if (left_columns != right_columns) {
      return Invalid("%{} has {} columns, %{} has {}", left.value, left_columns, right.value,
                     right_columns);
    }
    return Makes(left_columns);
  }

  const Graph& graph_;
  std::size_t index_;
  std::int32_t& attention_layers_;
};

Result<void> VerifyLogits(const Graph& graph) {
  if (graph.logits.value < 0 || graph.logits.index() >= graph.operations.size()) {
    return Invalid("logits %{} do not exist, there are {} values", graph.logits.value,
                   graph.operations.size());
  }
  const Weight& table = graph.weight(std::get<Embed>(graph.operations[0]).table);
  const std::int64_t columns = graph.columns[graph.logits.index()];
  if (columns != table.rows) {
    return Invalid("logits %{} have {} columns, the embedding {} has {} rows", graph.logits.value,
                   columns, table.name, table.rows);
  }
  return {};
}

}  // namespace

Result<void> Verify(const Graph& graph) {
  if (graph.operations.size() != graph.columns.size()) {
    return Invalid("{} operations with {} column counts", graph.operations.size(),
                   graph.columns.size());
  }
  if (graph.operations.empty() || !std::holds_alternative<Embed>(graph.operations[0])) {
    return Invalid("the graph does not begin with an embed");
  }
  MILLRACE_TRY_VOID(VerifyWeights(graph));
  MILLRACE_TRY_VOID(VerifyRopeTables(graph));
  std::int32_t attention_layers = 0;
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    const OperationVerifier verifier(graph, i, attention_layers);
    const Result<void> verified = std::visit(verifier, graph.operations[i]);
    if (!verified.ok()) {
      return Invalid("%{} = {}: {}", i, Name(graph.operations[i]), verified.error().message);
    }
  }
  return VerifyLogits(graph);
}

}  // namespace millrace

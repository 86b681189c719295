#include "graph/parse.h"

#include <charconv>
#include <map>
#include <optional>
#include <string>

#include "graph/print.h"

namespace millrace {
namespace {

// One line, taken apart from the left: names run up to a blank or a comma, everything else is one
// of the marks "= , : % [ ]".
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) { SkipBlanks(); }

  bool empty() const { return rest_.empty(); }

  // The next word, up to a blank, a comma or a bracket. kInvalid if there is none.
  Result<std::string_view> Word(std::string_view wanted) {
    const std::size_t end = rest_.find_first_of(" \t,[]");
    const std::string_view word = rest_.substr(0, end);
    if (word.empty()) return Unexpected(wanted);
    Consume(word.size());
    return word;
  }

  bool Take(std::string_view mark) {
    if (!rest_.starts_with(mark)) return false;
    Consume(mark.size());
    return true;
  }

  Result<void> Expect(std::string_view mark) {
    if (!Take(mark)) return Unexpected(fmt::format("'{}'", mark));
    return {};
  }

  template <typename Number>
  Result<Number> ParseNumber(std::string_view wanted) {
    Number number{};
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (code != std::errc()) return Unexpected(wanted);
    Consume(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }

  Result<void> ExpectEnd() {
    if (!rest_.empty()) return Unexpected("the end of the line");
    return {};
  }

  Error Unexpected(std::string_view wanted) const {
    if (rest_.empty()) return Invalid("the line ends, wanted {}", wanted);
    return Invalid("found '{}', wanted {}", rest_.substr(0, 40), wanted);
  }

 private:
  void SkipBlanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size()));
  }
  void Consume(std::size_t characters) {
    rest_.remove_prefix(characters);
    SkipBlanks();
  }

  std::string_view rest_;
};

class GraphParser {
 public:
  Result<void> ParseLine(Line line) {
    if (line.empty() || line.Take("#")) return {};
    if (has_logits_) return Invalid("found another line after 'logits', wanted the end");
    if (line.Take("%")) return ParseOperation(line);
    MILLRACE_TRY(const std::string_view word, line.Word("a line of a graph"));
    if (word == "weight") return ParseWeight(line);
    if (word == "rope_table") return ParseRopeTable(line);
    if (word == "logits") return ParseLogits(line);
    return Invalid("found '{}', wanted weight, rope_table, %N = or logits", word.substr(0, 40));
  }

  Result<Graph> Finish() && {
    if (!has_logits_) return Invalid("the text ends, wanted a line 'logits %N'");
    return std::move(graph_);
  }

 private:
  Result<void> ParseWeight(Line& line) {
    Weight weight;
    MILLRACE_TRY(const std::string_view name, line.Word("a name"));
    weight.name = name;
    MILLRACE_TRY(const std::string_view type, line.Word("a type"));
    const std::optional<DType> dtype = ParseDType(type);
    if (!dtype) return Invalid("weight {} has the unknown type '{}'", name, type);
    weight.dtype = *dtype;
    MILLRACE_TRY_VOID(line.Expect("["));
    MILLRACE_TRY(weight.rows, line.ParseNumber<std::int64_t>("the number of rows"));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(weight.columns, line.ParseNumber<std::int64_t>("the number of columns"));
    MILLRACE_TRY_VOID(line.Expect("]"));
    MILLRACE_TRY_VOID(line.ExpectEnd());
    const WeightId id{static_cast<std::int32_t>(graph_.weights.size())};
    if (!weight_ids_.emplace(weight.name, id).second) {
      return Invalid("weight {} is declared twice", weight.name);
    }
    graph_.weights.push_back(std::move(weight));
    return {};
  }

  Result<void> ParseRopeTable(Line& line) {
    MILLRACE_TRY(const auto id, line.ParseNumber<std::int32_t>("the number of the table"));
    if (id < 0 || static_cast<std::size_t>(id) != graph_.rope_tables.size()) {
      return Invalid("found rope_table {}, wanted {}", id, graph_.rope_tables.size());
    }
    RopeTable table;
    MILLRACE_TRY_VOID(line.Expect("magnitude"));
    MILLRACE_TRY(table.magnitude, line.ParseNumber<double>("a number"));
    MILLRACE_TRY_VOID(line.Expect("frequencies"));
    MILLRACE_TRY_VOID(line.Expect("["));
    while (!line.Take("]")) {
      if (!table.frequencies.empty()) MILLRACE_TRY_VOID(line.Expect(","));
      MILLRACE_TRY(const auto frequency, line.ParseNumber<double>("a number"));
      table.frequencies.push_back(frequency);
    }
    graph_.rope_tables.push_back(std::move(table));
    return line.ExpectEnd();
  }

  Result<void> ParseLogits(Line& line) {
    MILLRACE_TRY(graph_.logits, ParseValue(line));
    has_logits_ = true;
    return line.ExpectEnd();
  }

  Result<void> ParseOperation(Line& line) {
    MILLRACE_TRY(const auto id, line.ParseNumber<std::int32_t>("the number of the value"));
    if (id < 0 || static_cast<std::size_t>(id) != graph_.operations.size()) {
      return Invalid("found %{}, wanted %{}", id, graph_.operations.size());
    }
    MILLRACE_TRY_VOID(line.Expect("="));
    MILLRACE_TRY(const std::string_view name, line.Word("an operation"));
    MILLRACE_TRY(Operation operation, ParseOperands(name, line));
    MILLRACE_TRY_VOID(line.Expect(":"));
    MILLRACE_TRY(const auto columns, line.ParseNumber<std::int64_t>("the number of columns"));
    graph_.operations.push_back(operation);
    graph_.columns.push_back(columns);
    return line.ExpectEnd();
  }

  Result<Operation> ParseOperands(std::string_view name, Line& line) {
    if (name == "embed") {
      MILLRACE_TRY(const WeightId table, ParseWeightName(line));
      return Operation(Embed{table});
    }
    if (name == "rms_norm") return ParseRmsNorm(line);
    if (name == "linear") return ParseLinear(line);
    if (name == "rope") return ParseRope(line);
    if (name == "attention") return ParseAttention(line);
    if (name == "add") return ParseAdd(line);
    if (name == "scale") {
      Scale op{};
      MILLRACE_TRY(op.input, ParseValue(line));
      MILLRACE_TRY(op.factor, ParseField<float>(line, "factor"));
      return Operation(op);
    }
    if (name == "softcap") {
      Softcap op{};
      MILLRACE_TRY(op.input, ParseValue(line));
      MILLRACE_TRY(op.cap, ParseField<float>(line, "cap"));
      return Operation(op);
    }
    if (name == "head_slice") return ParseHeadSlice(line);
    if (name == "head_concat") return ParseHeadConcat(line);
    if (name == "route") return ParseRoute(line);
    if (name == "experts") return ParseExperts(line);
    if (const auto kind = GateKindOf(name)) return ParseGateMul(line, *kind);
    return Invalid(
        "found '{}', wanted embed, rms_norm, linear, rope, attention, silu_mul, gelu_mul, "
        "clamped_swiglu_mul, add, scale, softcap, head_slice, head_concat, route or experts",
        name.substr(0, 40));
  }

  static std::optional<GateKind> GateKindOf(std::string_view name) {
    for (const GateKind kind : {GateKind::kSilu, GateKind::kGelu, GateKind::kClampedSwiglu}) {
      if (Name(kind) == name) return kind;
    }
    return std::nullopt;
  }

  Result<Operation> ParseRmsNorm(Line& line) {
    RmsNorm op{};
    MILLRACE_TRY(op.input, ParseValue(line));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(op.weight, ParseWeightName(line));
    MILLRACE_TRY(op.eps, ParseField<float>(line, "eps"));
    return Operation(op);
  }

  Result<Operation> ParseLinear(Line& line) {
    Linear op{};
    MILLRACE_TRY(op.input, ParseValue(line));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(op.weight, ParseWeightName(line));
    MILLRACE_TRY(op.bias, ParseOptionalWeight(line, "bias"));
    MILLRACE_TRY(op.groups, ParseOptional<std::int32_t>(line, "groups", 1));
    return Operation(op);
  }

  Result<Operation> ParseRope(Line& line) {
    Rope op{};
    MILLRACE_TRY(op.input, ParseValue(line));
    MILLRACE_TRY(op.table.value, ParseField<std::int32_t>(line, "table"));
    MILLRACE_TRY(op.head_dim, ParseField<std::int32_t>(line, "head_dim"));
    MILLRACE_TRY(op.first, ParseOptional<std::int32_t>(line, "first", 0));
    if (TakeNamed(line, "halves")) op.pairs = RopePairs::kHalves;
    return Operation(op);
  }

  Result<Operation> ParseAttention(Line& line) {
    Attention op{};
    MILLRACE_TRY_VOID(line.Expect("query"));
    MILLRACE_TRY(op.query, ParseValue(line));
    MILLRACE_TRY(op.key, ParseNamedValue(line, "key"));
    MILLRACE_TRY(op.value, ParseNamedValue(line, "value"));
    MILLRACE_TRY(op.layer, ParseField<std::int32_t>(line, "layer"));
    MILLRACE_TRY(op.heads, ParseField<std::int32_t>(line, "heads"));
    MILLRACE_TRY(op.kv_heads, ParseField<std::int32_t>(line, "kv_heads"));
    MILLRACE_TRY(op.head_dim, ParseField<std::int32_t>(line, "head_dim"));
    MILLRACE_TRY(op.scale, ParseField<float>(line, "scale"));
    MILLRACE_TRY(op.value_dim, ParseOptional<std::int32_t>(line, "value_dim", op.head_dim));
    MILLRACE_TRY(op.window, ParseOptional<std::int32_t>(line, "window", 0));
    MILLRACE_TRY(op.softcap, ParseOptional<float>(line, "softcap", 0));
    MILLRACE_TRY(op.sinks, ParseOptionalWeight(line, "sinks"));
    return Operation(op);
  }

  Result<Operation> ParseGateMul(Line& line, GateKind kind) {
    GateMul op{.gate = {}, .up = {}, .kind = kind};
    MILLRACE_TRY_VOID(line.Expect("gate"));
    MILLRACE_TRY(op.gate, ParseValue(line));
    MILLRACE_TRY(op.up, ParseNamedValue(line, "up"));
    return Operation(op);
  }

  Result<Operation> ParseAdd(Line& line) {
    Add op{};
    MILLRACE_TRY(op.left, ParseValue(line));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(op.right, ParseValue(line));
    return Operation(op);
  }

  Result<Operation> ParseHeadSlice(Line& line) {
    HeadSlice op{};
    MILLRACE_TRY(op.input, ParseValue(line));
    MILLRACE_TRY(op.heads, ParseField<std::int32_t>(line, "heads"));
    MILLRACE_TRY(op.begin, ParseField<std::int32_t>(line, "begin"));
    MILLRACE_TRY(op.size, ParseField<std::int32_t>(line, "size"));
    return Operation(op);
  }

  Result<Operation> ParseHeadConcat(Line& line) {
    HeadConcat op{};
    MILLRACE_TRY(op.left, ParseValue(line));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(op.right, ParseValue(line));
    MILLRACE_TRY(op.heads, ParseField<std::int32_t>(line, "heads"));
    return Operation(op);
  }

  Result<Operation> ParseRoute(Line& line) {
    Route op{};
    MILLRACE_TRY(op.logits, ParseValue(line));
    MILLRACE_TRY(op.chosen, ParseField<std::int32_t>(line, "chosen"));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(const std::string_view weights, line.Word("how logits become weights"));
    bool known = false;
    for (const RouteWeights kind :
         {RouteWeights::kSoftmax, RouteWeights::kSoftmaxOfChosen, RouteWeights::kSigmoid}) {
      if (Name(kind) != weights) continue;
      op.weights = kind;
      known = true;
    }
    if (!known) {
      return Invalid("found '{}', wanted softmax, softmax_of_chosen or sigmoid",
                     weights.substr(0, 40));
    }
    MILLRACE_TRY(op.selection_bias, ParseOptionalWeight(line, "selection_bias"));
    MILLRACE_TRY(op.groups, ParseOptional<std::int32_t>(line, "groups", 1));
    MILLRACE_TRY(op.chosen_groups, ParseOptional<std::int32_t>(line, "chosen_groups", 1));
    op.normalise = TakeNamed(line, "normalise");
    MILLRACE_TRY(op.scale, ParseOptional<float>(line, "scale", 1));
    return Operation(op);
  }

  Result<Operation> ParseExperts(Line& line) {
    Experts op{};
    MILLRACE_TRY(op.input, ParseValue(line));
    MILLRACE_TRY(op.routes, ParseNamedValue(line, "routes"));
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY(const std::string_view gate_name, line.Word("the kind of gate"));
    const auto kind = GateKindOf(gate_name);
    if (!kind) return Invalid("found '{}', wanted a kind of gate", gate_name.substr(0, 40));
    op.kind = *kind;
    MILLRACE_TRY(op.gate, ParseNamedWeight(line, "gate"));
    MILLRACE_TRY(op.up, ParseNamedWeight(line, "up"));
    MILLRACE_TRY(op.down, ParseNamedWeight(line, "down"));
    MILLRACE_TRY(op.gate_bias, ParseOptionalWeight(line, "gate_bias"));
    MILLRACE_TRY(op.up_bias, ParseOptionalWeight(line, "up_bias"));
    MILLRACE_TRY(op.down_bias, ParseOptionalWeight(line, "down_bias"));
    return Operation(op);
  }

  // "%N" of an earlier or, in a wrong graph, a later value.
  Result<ValueId> ParseValue(Line& line) {
    MILLRACE_TRY_VOID(line.Expect("%"));
    MILLRACE_TRY(const auto value, line.ParseNumber<std::int32_t>("the number of a value"));
    return ValueId{value};
  }

  Result<ValueId> ParseNamedValue(Line& line, std::string_view name) {
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY_VOID(line.Expect(name));
    return ParseValue(line);
  }

  // ", NAME" if that comes next.
  static bool TakeNamed(Line& line, std::string_view name) {
    Line ahead = line;
    if (!ahead.Take(",") || !ahead.Take(name)) return false;
    line = ahead;
    return true;
  }

  // ", NAME NUMBER", or the usual value if something else comes next.
  template <typename Number>
  Result<Number> ParseOptional(Line& line, std::string_view name, Number usual) {
    if (!TakeNamed(line, name)) return usual;
    return line.ParseNumber<Number>("a number");
  }

  // ", NAME WEIGHT", or nothing if something else comes next.
  Result<std::optional<WeightId>> ParseOptionalWeight(Line& line, std::string_view name) {
    if (!TakeNamed(line, name)) return std::optional<WeightId>();
    MILLRACE_TRY(const WeightId id, ParseWeightName(line));
    return std::optional<WeightId>(id);
  }

  Result<WeightId> ParseNamedWeight(Line& line, std::string_view name) {
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY_VOID(line.Expect(name));
    return ParseWeightName(line);
  }

  // ", NAME NUMBER".
  template <typename Number>
  Result<Number> ParseField(Line& line, std::string_view name) {
    MILLRACE_TRY_VOID(line.Expect(","));
    MILLRACE_TRY_VOID(line.Expect(name));
    return line.ParseNumber<Number>("a number");
  }

  Result<WeightId> ParseWeightName(Line& line) {
    MILLRACE_TRY(const std::string_view name, line.Word("the name of a weight"));
    const auto found = weight_ids_.find(name);
    if (found == weight_ids_.end()) return Invalid("weight {} is not declared", name);
    return found->second;
  }

  Graph graph_;
  std::map<std::string, WeightId, std::less<>> weight_ids_;
  bool has_logits_ = false;
};

}  // namespace

Result<Graph> Parse(std::string_view text, std::string_view name) {
  GraphParser parser;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = text.find('\n');
    const Result<void> parsed = parser.ParseLine(Line(text.substr(0, end)));
    if (!parsed.ok()) return Invalid("{}:{}: {}", name, line_number, parsed.error().message);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  Result<Graph> graph = std::move(parser).Finish();
  if (!graph.ok()) return Invalid("{}:{}: {}", name, line_number, graph.error().message);
  return graph;
}

}  // namespace millrace

#include "graph/parse.h"

#include <charconv>
#include <map>
#include <string>

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
    if (name == "rms_norm") {
      RmsNorm op{};
      MILLRACE_TRY(op.input, ParseValue(line));
      MILLRACE_TRY_VOID(line.Expect(","));
      MILLRACE_TRY(op.weight, ParseWeightName(line));
      MILLRACE_TRY(op.eps, ParseField<float>(line, "eps"));
      return Operation(op);
    }
    if (name == "linear") {
      Linear op{};
      MILLRACE_TRY(op.input, ParseValue(line));
      MILLRACE_TRY_VOID(line.Expect(","));
      MILLRACE_TRY(op.weight, ParseWeightName(line));
      return Operation(op);
    }
    if (name == "rope") {
      Rope op{};
      MILLRACE_TRY(op.input, ParseValue(line));
      MILLRACE_TRY(op.table.value, ParseField<std::int32_t>(line, "table"));
      MILLRACE_TRY(op.head_dim, ParseField<std::int32_t>(line, "head_dim"));
      return Operation(op);
    }
    if (name == "attention") return ParseAttention(line);
    if (name == "silu_mul") {
      SiluMul op{};
      MILLRACE_TRY_VOID(line.Expect("gate"));
      MILLRACE_TRY(op.gate, ParseValue(line));
      MILLRACE_TRY(op.up, ParseNamedValue(line, "up"));
      return Operation(op);
    }
    if (name == "add") {
      Add op{};
      MILLRACE_TRY(op.left, ParseValue(line));
      MILLRACE_TRY_VOID(line.Expect(","));
      MILLRACE_TRY(op.right, ParseValue(line));
      return Operation(op);
    }
    return Invalid("found '{}', wanted embed, rms_norm, linear, rope, attention, silu_mul or add",
                   name.substr(0, 40));
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

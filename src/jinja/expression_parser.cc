#include "jinja/expression_parser.h"

#include <algorithm>
#include <optional>

namespace millrace::jinja {
namespace {

template <typename Op>
struct Spelling {
  std::string_view text;
  Op op;
};
constexpr Spelling<Comparison> kComparisons[] = {
    {"==", Comparison::kEqual}, {"!=", Comparison::kNotEqual},     {"<=", Comparison::kLessEqual},
    {"<", Comparison::kLess},   {">=", Comparison::kGreaterEqual}, {">", Comparison::kGreater}};
constexpr Spelling<Operator> kSums[] = {{"+", Operator::kAdd}, {"-", Operator::kSubtract}};
constexpr Spelling<Operator> kProducts[] = {{"*", Operator::kMultiply},
                                            {"/", Operator::kDivide},
                                            {"//", Operator::kFloorDivide},
                                            {"%", Operator::kModulo}};
constexpr Spelling<Operator> kPowers[] = {{"**", Operator::kPower}};

template <typename Op, std::size_t n>
std::optional<Op> SkipOneOf(TokenStream& tokens, const Spelling<Op> (&spellings)[n]) {
  for (const Spelling<Op>& spelling : spellings) {
    if (tokens.SkipOperator(spelling.text)) return spelling.op;
  }
  return std::nullopt;
}

}  // namespace

Expression* ExpressionParser::New(Expression::Kind kind, int line) {
  return &tree_.expressions.emplace_back(Expression{kind, line});
}

const Expression* ExpressionParser::Binary(Expression::Kind kind, int line, const Expression* left,
                                           const Expression* right) {
  Expression* node = New(kind, line);
  node->parts = {left, right};
  return node;
}

const Expression* ExpressionParser::ParseExpression() {
  const TokenStream::Nesting nesting(tokens_);
  return ParseConditional();
}

const Expression* ExpressionParser::ParseConditional() {
  const int line = tokens_.line();
  const Expression* value = ParseOr();
  while (tokens_.SkipName("if")) {
    Expression* node = New(Expression::Kind::kConditional, line);
    const Expression* condition = ParseOr();
    const Expression* otherwise = tokens_.SkipName("else") ? ParseExpression() : nullptr;
    node->parts = {condition, value, otherwise};
    value = node;
  }
  return value;
}

const Expression* ExpressionParser::ParseOr() {
  const Expression* left = ParseAnd();
  while (tokens_.IsName("or")) {
    const int line = tokens_.Take().line;
    left = Binary(Expression::Kind::kOr, line, left, ParseAnd());
  }
  return left;
}

const Expression* ExpressionParser::ParseAnd() {
  const Expression* left = ParseNot();
  while (tokens_.IsName("and")) {
    const int line = tokens_.Take().line;
    left = Binary(Expression::Kind::kAnd, line, left, ParseNot());
  }
  return left;
}

const Expression* ExpressionParser::ParseNot() {
  const TokenStream::Nesting nesting(tokens_);
  if (!tokens_.IsName("not")) return ParseCompare();
  Expression* node = New(Expression::Kind::kNot, tokens_.Take().line);
  node->parts = {ParseNot()};
  return node;
}

const Expression* ExpressionParser::ParseCompare() {
  const int line = tokens_.line();
  std::vector<const Expression*> parts = {ParseSum()};
  std::vector<Comparison> comparisons;
  while (true) {
    if (const auto op = SkipOneOf(tokens_, kComparisons); op.has_value()) {
      comparisons.push_back(*op);
    } else if (tokens_.SkipName("in")) {
      comparisons.push_back(Comparison::kIn);
    } else if (tokens_.IsName("not") && tokens_.next().kind == Token::Kind::kName &&
               tokens_.next().text == "in") {
      tokens_.Take();
      tokens_.Take();
      comparisons.push_back(Comparison::kNotIn);
    } else {
      break;
    }
    parts.push_back(ParseSum());
  }
  if (comparisons.empty()) return parts[0];
  Expression* node = New(Expression::Kind::kCompare, line);
  node->parts = std::move(parts);
  node->comparisons = std::move(comparisons);
  return node;
}

const Expression* ExpressionParser::ParseSum() {
  const Expression* left = ParseConcatenation();
  while (true) {
    const int line = tokens_.line();
    const auto op = SkipOneOf(tokens_, kSums);
    if (!op.has_value()) return left;
    Expression* node = New(Expression::Kind::kArithmetic, line);
    node->parts = {left, ParseConcatenation()};
    node->op = *op;
    left = node;
  }
}

const Expression* ExpressionParser::ParseConcatenation() {
  const int line = tokens_.line();
  const Expression* first = ParseProduct();
  if (!tokens_.IsOperator("~")) return first;
  Expression* node = New(Expression::Kind::kConcatenate, line);
  node->parts = {first};
  while (tokens_.SkipOperator("~")) node->parts.push_back(ParseProduct());
  return node;
}

const Expression* ExpressionParser::ParseProduct() {
  const Expression* left = ParsePower();
  while (true) {
    const int line = tokens_.line();
    const auto op = SkipOneOf(tokens_, kProducts);
    if (!op.has_value()) return left;
    Expression* node = New(Expression::Kind::kArithmetic, line);
    node->parts = {left, ParsePower()};
    node->op = *op;
    left = node;
  }
}

// From the left, as Jinja2 has it (Python has it from the right).
const Expression* ExpressionParser::ParsePower() {
  const Expression* left = ParseUnary(true);
  while (true) {
    const int line = tokens_.line();
    const auto op = SkipOneOf(tokens_, kPowers);
    if (!op.has_value()) return left;
    Expression* node = New(Expression::Kind::kArithmetic, line);
    node->parts = {left, ParseUnary(true)};
    node->op = *op;
    left = node;
  }
}

const Expression* ExpressionParser::ParseUnary(bool with_filters) {
  const TokenStream::Nesting nesting(tokens_);
  const int line = tokens_.line();
  const Expression* value = nullptr;
  if (tokens_.IsOperator("-") || tokens_.IsOperator("+")) {
    Expression* node = New(
        tokens_.IsOperator("-") ? Expression::Kind::kNegative : Expression::Kind::kPositive, line);
    tokens_.Take();
    node->parts = {ParseUnary(false)};
    value = node;
  } else {
    value = ParsePrimary();
  }
  value = ParsePostfix(value);
  return with_filters ? ParseFiltersAndTests(value) : value;
}

const Expression* ExpressionParser::ParsePrimary() {
  const Token& token = tokens_.current();
  switch (token.kind) {
    case Token::Kind::kName:
      return ParseName();
    case Token::Kind::kString: {
      Expression* node = New(Expression::Kind::kConstant, token.line);
      node->constant = Value::String(ParseStrings());
      return node;
    }
    case Token::Kind::kInteger:
    case Token::Kind::kFloat: {
      Expression* node = New(Expression::Kind::kConstant, token.line);
      node->constant = token.kind == Token::Kind::kInteger ? Value::Int(token.integer)
                                                           : Value::Float(token.real);
      tokens_.Take();
      return node;
    }
    case Token::Kind::kOperator:
      if (token.text == "(") return ParseParentheses();
      if (token.text == "[") return ParseList();
      if (token.text == "{") return ParseDict();
      break;
    case Token::Kind::kData:
    case Token::Kind::kVariableBegin:
    case Token::Kind::kVariableEnd:
    case Token::Kind::kBlockBegin:
    case Token::Kind::kBlockEnd:
    case Token::Kind::kEnd:
      break;
  }
  tokens_.Fail(fmt::format("found {}, wanted an expression", Describe(token)));
}

// Strings side by side are one.
std::string_view ExpressionParser::ParseStrings() {
  const std::string_view first = tokens_.Take().text;
  if (!tokens_.Is(Token::Kind::kString)) return first;
  std::string& text = tree_.strings.emplace_back(first);
  while (tokens_.Is(Token::Kind::kString)) text += tokens_.Take().text;
  return text;
}

const Expression* ExpressionParser::ParseName() {
  const Token token = tokens_.Take();
  const auto constant = [&](const Value& value) {
    Expression* node = New(Expression::Kind::kConstant, token.line);
    node->constant = value;
    return node;
  };
  if (token.text == "true" || token.text == "True") return constant(Value::Bool(true));
  if (token.text == "false" || token.text == "False") return constant(Value::Bool(false));
  if (token.text == "none" || token.text == "None") return constant(Value::None());
  Expression* node = New(Expression::Kind::kName, token.line);
  node->name = token.text;
  return node;
}

bool ExpressionParser::AtTupleEnd() const {
  return tokens_.Is(Token::Kind::kVariableEnd) || tokens_.Is(Token::Kind::kBlockEnd) ||
         tokens_.IsOperator(")");
}

const Expression* ExpressionParser::ParseParentheses() {
  const int line = tokens_.Take().line;
  if (tokens_.SkipOperator(")")) return New(Expression::Kind::kTuple, line);
  const Expression* inner = ParseTuple();
  tokens_.ExpectOperator(")");
  return inner;
}

const Expression* ExpressionParser::ParseTuple(Conditional conditional) {
  const TokenStream::Nesting nesting(tokens_);
  const int line = tokens_.line();
  const auto parse = [&] {
    return conditional == Conditional::kAllowed ? ParseExpression() : ParseOr();
  };
  const Expression* first = parse();
  if (!tokens_.IsOperator(",")) return first;
  Expression* tuple = New(Expression::Kind::kTuple, line);
  tuple->parts = {first};
  while (tokens_.SkipOperator(",")) {
    if (AtTupleEnd() || (conditional == Conditional::kNot && tokens_.IsName("recursive"))) break;
    tuple->parts.push_back(parse());
  }
  return tuple;
}

const Expression* ExpressionParser::ParseTarget(bool with_attribute) {
  const int line = tokens_.line();
  const Expression* first = ParseTargetPart(with_attribute);
  if (!tokens_.IsOperator(",")) return first;
  Expression* tuple = New(Expression::Kind::kTuple, line);
  tuple->parts = {first};
  while (tokens_.SkipOperator(",")) {
    if (AtTupleEnd() || tokens_.IsName("in") || tokens_.IsOperator("=")) break;
    tuple->parts.push_back(ParseTargetPart(with_attribute));
  }
  return tuple;
}

const Expression* ExpressionParser::ParseTargetPart(bool with_attribute) {
  const TokenStream::Nesting nesting(tokens_);
  const int line = tokens_.line();
  if (tokens_.SkipOperator("(")) {
    const Expression* inner = ParseTarget(with_attribute);
    tokens_.ExpectOperator(")");
    return inner;
  }
  const Token token = tokens_.Expect(Token::Kind::kName, "a name to assign to");
  constexpr std::string_view kConstants[] = {"true", "True", "false", "False", "none", "None"};
  if (std::find(std::begin(kConstants), std::end(kConstants), token.text) != std::end(kConstants)) {
    throw SyntaxError{line, fmt::format("found '{}', wanted a name to assign to", token.text)};
  }
  Expression* name = New(Expression::Kind::kName, line);
  name->name = token.text;
  if (!with_attribute || !tokens_.SkipOperator(".")) return name;
  Expression* attribute = New(Expression::Kind::kAttribute, line);
  attribute->name = tokens_.Expect(Token::Kind::kName, "an attribute").text;
  attribute->parts = {name};
  return attribute;
}

const Expression* ExpressionParser::ParseList() {
  Expression* list = New(Expression::Kind::kList, tokens_.Take().line);
  while (!tokens_.IsOperator("]")) {
    if (!list->parts.empty()) tokens_.ExpectOperator(",");
    if (tokens_.IsOperator("]")) break;
    list->parts.push_back(ParseExpression());
  }
  tokens_.Take();
  return list;
}

const Expression* ExpressionParser::ParseDict() {
  Expression* dict = New(Expression::Kind::kDict, tokens_.Take().line);
  while (!tokens_.IsOperator("}")) {
    if (!dict->parts.empty()) tokens_.ExpectOperator(",");
    if (tokens_.IsOperator("}")) break;
    dict->parts.push_back(ParseExpression());
    tokens_.ExpectOperator(":");
    dict->parts.push_back(ParseExpression());
  }
  tokens_.Take();
  return dict;
}

const Expression* ExpressionParser::ParsePostfix(const Expression* subject) {
  while (true) {
    if (tokens_.IsOperator(".")) {
      subject = ParseAttribute(subject);
    } else if (tokens_.IsOperator("[")) {
      subject = ParseItem(subject);
    } else if (tokens_.IsOperator("(")) {
      subject = ParseCall(subject);
    } else {
      return subject;
    }
  }
}

const Expression* ExpressionParser::ParseFiltersAndTests(const Expression* subject) {
  while (true) {
    if (tokens_.SkipOperator("|")) {
      subject = ParseFilter(subject);
    } else if (tokens_.IsName("is")) {
      subject = ParseTest(subject);
    } else if (tokens_.IsOperator("(")) {
      subject = ParseCall(subject);
    } else {
      return subject;
    }
  }
}

const Expression* ExpressionParser::ParseAttribute(const Expression* subject) {
  const int line = tokens_.Take().line;
  if (tokens_.Is(Token::Kind::kInteger)) {
    Expression* index = New(Expression::Kind::kConstant, line);
    index->constant = Value::Int(tokens_.Take().integer);
    return Binary(Expression::Kind::kItem, line, subject, index);
  }
  Expression* node = New(Expression::Kind::kAttribute, line);
  node->name = tokens_.Expect(Token::Kind::kName, "a name or a number").text;
  node->parts = {subject};
  return node;
}

const Expression* ExpressionParser::ParseItem(const Expression* subject) {
  const int line = tokens_.Take().line;
  const auto ends = [&] { return tokens_.IsOperator("]") || tokens_.IsOperator(":"); };
  const Expression* first = tokens_.IsOperator(":") ? nullptr : ParseTuple();
  if (tokens_.SkipOperator("]")) return Binary(Expression::Kind::kItem, line, subject, first);
  Expression* slice = New(Expression::Kind::kSlice, line);
  slice->parts = {subject, first, nullptr, nullptr};
  tokens_.ExpectOperator(":");
  if (!ends()) slice->parts[2] = ParseExpression();
  if (tokens_.SkipOperator(":") && !ends()) slice->parts[3] = ParseExpression();
  tokens_.ExpectOperator("]");
  return slice;
}

const Expression* ExpressionParser::ParseCall(const Expression* subject) {
  Expression* node = New(Expression::Kind::kCall, tokens_.line());
  node->parts = {subject};
  node->arguments = ParseArguments();
  return node;
}

ArgumentList ExpressionParser::ParseArguments() {
  ArgumentList arguments;
  tokens_.ExpectOperator("(");
  while (!tokens_.IsOperator(")")) {
    const bool named =
        tokens_.Is(Token::Kind::kName) && TokenStream::IsOperator(tokens_.next(), "=");
    if (arguments.double_star != nullptr ||
        (!named && !tokens_.IsOperator("**") &&
         (arguments.star != nullptr || !arguments.named.empty()))) {
      tokens_.Fail("an argument without a name follows named ones");
    }
    if (tokens_.SkipOperator("*")) {
      arguments.star = ParseExpression();
    } else if (tokens_.SkipOperator("**")) {
      arguments.double_star = ParseExpression();
    } else if (named) {
      const std::string_view name = tokens_.Take().text;
      tokens_.Take();
      arguments.named.emplace_back(name, ParseExpression());
    } else {
      arguments.positional.push_back(ParseExpression());
    }
    if (!tokens_.IsOperator(")")) tokens_.ExpectOperator(",");
  }
  tokens_.Take();
  return arguments;
}

std::string_view ExpressionParser::ParseDottedName(std::string_view what) {
  const std::string_view first = tokens_.Expect(Token::Kind::kName, what).text;
  if (!tokens_.IsOperator(".")) return first;
  std::string& name = tree_.strings.emplace_back(first);
  while (tokens_.SkipOperator(".")) {
    name += '.';
    name += tokens_.Expect(Token::Kind::kName, what).text;
  }
  return name;
}

const Expression* ExpressionParser::ParseFilter(const Expression* subject) {
  Expression* node = New(Expression::Kind::kFilter, tokens_.line());
  node->parts = {subject};
  node->name = ParseDottedName("the name of a filter");
  if (tokens_.IsOperator("(")) node->arguments = ParseArguments();
  return node;
}

const Expression* ExpressionParser::ParseBlockFilters() {
  const Expression* filter = ParseFilter(nullptr);
  while (tokens_.SkipOperator("|")) filter = ParseFilter(filter);
  return filter;
}

const Expression* ExpressionParser::ParseTest(const Expression* subject) {
  const int line = tokens_.Take().line;
  const bool negated = tokens_.SkipName("not");
  Expression* test = New(Expression::Kind::kTest, line);
  test->parts = {subject};
  test->name = ParseDottedName("the name of a test");
  const Token& token = tokens_.current();
  const bool begins_value =
      token.kind == Token::Kind::kString || token.kind == Token::Kind::kInteger ||
      token.kind == Token::Kind::kFloat || tokens_.IsOperator("[") || tokens_.IsOperator("{") ||
      (token.kind == Token::Kind::kName && token.text != "else" && token.text != "or" &&
       token.text != "and");
  if (tokens_.IsOperator("(")) {
    test->arguments = ParseArguments();
  } else if (tokens_.IsName("is")) {
    tokens_.Fail("found a second 'is', wanted 'and' between two tests");
  } else if (begins_value) {  // x is divisibleby 3
    test->arguments.positional = {ParsePostfix(ParsePrimary())};
  }
  if (!negated) return test;
  Expression* node = New(Expression::Kind::kNot, line);
  node->parts = {test};
  return node;
}

}  // namespace millrace::jinja

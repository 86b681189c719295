#include "jinja/statement_parser.h"

#include <algorithm>
#include <utility>

namespace millrace::jinja {
namespace {

bool IsUnsupported(std::string_view name) {
  constexpr std::string_view kNames[] = {"include", "import", "from", "extends", "trans"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// Sets a variable until the end of a block.
template <typename T>
class Restore {
 public:
  Restore(T& variable, T value) : variable_(variable), old_(std::exchange(variable, value)) {}
  ~Restore() { variable_ = old_; }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  T& variable_;
  T old_;
};

}  // namespace

void ParseTemplate(SyntaxTree& tree) {
  TokenStream tokens(Tokenize(tree.source, tree.strings));
  tree.body = StatementParser(tokens, tree).ParseAll();
}

Statement* StatementParser::New(Statement::Kind kind, int line) {
  return &tree_.statements.emplace_back(Statement{kind, line});
}

bool StatementParser::AtOneOf(Names names) const {
  return tokens_.Is(Token::Kind::kName) &&
         std::find(names.begin(), names.end(), tokens_.current().text) != names.end();
}

Body StatementParser::ParseAll() { return ParseUntil({}); }

Body StatementParser::ParseUntil(Names ends) {
  const TokenStream::Nesting nesting(tokens_);
  Body body;
  while (true) {
    if (tokens_.Is(Token::Kind::kEnd)) {
      if (ends.size() == 0) return body;
      tokens_.Fail(fmt::format("found the end of the template, wanted '{}' for the '{}' of line {}",
                               fmt::join(ends, "' or '"), open_, open_line_));
    }
    if (tokens_.Is(Token::Kind::kData)) {
      body.push_back(ParseText());
    } else if (tokens_.Is(Token::Kind::kVariableBegin)) {
      body.push_back(ParsePrint());
    } else {
      tokens_.Expect(Token::Kind::kBlockBegin, "text or a tag");
      if (AtOneOf(ends)) return body;
      body.push_back(ParseStatement());
      tokens_.Expect(Token::Kind::kBlockEnd, "'%}'");
    }
  }
}

Body StatementParser::ParseBlock(std::string_view end) {
  tokens_.Expect(Token::Kind::kBlockEnd, "'%}'");
  Body body = ParseUntil({end});
  tokens_.Take();
  return body;
}

const Statement* StatementParser::ParseText() {
  const Token token = tokens_.Take();
  Statement* text = New(Statement::Kind::kText, token.line);
  text->text = token.text;
  return text;
}

const Statement* StatementParser::ParsePrint() {
  Statement* print = New(Statement::Kind::kPrint, tokens_.Take().line);
  print->value = expressions_.ParseTuple();
  tokens_.Expect(Token::Kind::kVariableEnd, "'}}'");
  return print;
}

const Statement* StatementParser::ParseStatement() {
  const Token token = tokens_.Expect(Token::Kind::kName, "the name of a block");
  const std::string_view name = token.text;
  if (name == "break") return ParseLoopControl(Statement::Kind::kBreak, token.line, name);
  if (name == "continue") return ParseLoopControl(Statement::Kind::kContinue, token.line, name);
  const Restore open(open_, name);
  const Restore open_line(open_line_, token.line);
  if (name == "set") return ParseSet(token.line);
  if (name == "for") return ParseFor(token.line);
  if (name == "if") return ParseIf(token.line);
  if (name == "with") return ParseWith(token.line);
  if (name == "macro") return ParseMacro(token.line);
  if (name == "call") return ParseCall(token.line);
  if (name == "filter") return ParseFilter(token.line);
  if (name == "generation") return ParseScope(token.line, "endgeneration");
  const int line = token.line;
  if (IsUnsupported(name)) throw SyntaxError{line, fmt::format("'{}' is not supported", name)};
  throw SyntaxError{line, fmt::format("found '{}', wanted the name of a block", name)};
}

const Statement* StatementParser::ParseLoopControl(Statement::Kind kind, int line,
                                                   std::string_view name) {
  if (loops_ == 0) throw SyntaxError{line, fmt::format("'{}' stands outside of a loop", name)};
  return New(kind, line);
}

const Statement* StatementParser::ParseSet(int line) {
  const Expression* target = expressions_.ParseTarget(/*with_attribute=*/true);
  if (tokens_.SkipOperator("=")) {
    Statement* set = New(Statement::Kind::kSet, line);
    set->target = target;
    set->value = expressions_.ParseTuple();
    return set;
  }
  Statement* set = New(Statement::Kind::kSetBlock, line);
  set->target = target;
  if (tokens_.SkipOperator("|")) set->filter = expressions_.ParseBlockFilters();
  set->body = ParseBlock("endset");
  return set;
}

const Statement* StatementParser::ParseFor(int line) {
  Statement* loop = New(Statement::Kind::kFor, line);
  loop->target = expressions_.ParseTarget(/*with_attribute=*/false);
  tokens_.ExpectName("in");
  loop->value = expressions_.ParseTuple(ExpressionParser::Conditional::kNot);
  if (tokens_.SkipName("if")) loop->condition = expressions_.ParseExpression();
  loop->recursive = tokens_.SkipName("recursive");
  tokens_.Expect(Token::Kind::kBlockEnd, "'%}'");
  {
    const Restore loops(loops_, loops_ + 1);
    loop->body = ParseUntil({"endfor", "else"});
  }
  if (tokens_.Take().text == "else") loop->otherwise = ParseBlock("endfor");
  return loop;
}

const Statement* StatementParser::ParseIf(int line) {
  Statement* first = New(Statement::Kind::kIf, line);
  for (Statement* branch = first;;) {
    branch->condition = expressions_.ParseTuple(ExpressionParser::Conditional::kNot);
    tokens_.Expect(Token::Kind::kBlockEnd, "'%}'");
    branch->body = ParseUntil({"elif", "else", "endif"});
    const Token end = tokens_.Take();
    if (end.text == "else") branch->otherwise = ParseBlock("endif");
    if (end.text != "elif") return first;
    Statement* next = New(Statement::Kind::kIf, end.line);
    branch->otherwise = {next};
    branch = next;
  }
}

const Statement* StatementParser::ParseWith(int line) {
  Statement* with = New(Statement::Kind::kWith, line);
  while (!tokens_.Is(Token::Kind::kBlockEnd)) {
    if (!with->assignments.empty()) tokens_.ExpectOperator(",");
    const Expression* target = expressions_.ParseTarget(/*with_attribute=*/false);
    tokens_.ExpectOperator("=");
    with->assignments.emplace_back(target, expressions_.ParseExpression());
  }
  with->body = ParseBlock("endwith");
  return with;
}

std::vector<Parameter> StatementParser::ParseParameters() {
  std::vector<Parameter> parameters;
  tokens_.ExpectOperator("(");
  while (!tokens_.IsOperator(")")) {
    if (!parameters.empty()) tokens_.ExpectOperator(",");
    if (tokens_.IsOperator(")")) break;
    Parameter parameter{tokens_.Expect(Token::Kind::kName, "the name of a parameter").text};
    if (tokens_.SkipOperator("=")) {
      parameter.fallback = expressions_.ParseExpression();
    } else if (!parameters.empty() && parameters.back().fallback != nullptr) {
      tokens_.Fail("a parameter without a default follows one with a default");
    }
    parameters.push_back(parameter);
  }
  tokens_.Take();
  return parameters;
}

bool StatementParser::MentionsSince(std::size_t first, std::string_view name) const {
  return std::any_of(tree_.expressions.begin() + static_cast<std::ptrdiff_t>(first),
                     tree_.expressions.end(), [&](const Expression& expression) {
                       return expression.kind == Expression::Kind::kName && expression.name == name;
                     });
}

const Statement* StatementParser::ParseMacro(int line) {
  const Restore loops(loops_, 0);
  Statement* macro = New(Statement::Kind::kMacro, line);
  macro->text = tokens_.Expect(Token::Kind::kName, "the name of a macro").text;
  macro->parameters = ParseParameters();
  const std::size_t first = tree_.expressions.size();
  macro->body = ParseBlock("endmacro");
  macro->takes_varargs = MentionsSince(first, "varargs");
  macro->takes_kwargs = MentionsSince(first, "kwargs");
  return macro;
}

const Statement* StatementParser::ParseCall(int line) {
  const Restore loops(loops_, 0);
  Statement* call = New(Statement::Kind::kCallBlock, line);
  call->text = "caller";
  if (tokens_.IsOperator("(")) call->parameters = ParseParameters();
  call->value = expressions_.ParseExpression();
  if (call->value->kind != Expression::Kind::kCall) {
    throw SyntaxError{line, "found no call after 'call', wanted NAME(ARGUMENTS)"};
  }
  call->body = ParseBlock("endcall");
  return call;
}

const Statement* StatementParser::ParseFilter(int line) {
  Statement* block = New(Statement::Kind::kFilterBlock, line);
  block->filter = expressions_.ParseBlockFilters();
  block->body = ParseBlock("endfilter");
  return block;
}

const Statement* StatementParser::ParseScope(int line, std::string_view end) {
  Statement* scope = New(Statement::Kind::kScope, line);
  scope->body = ParseBlock(end);
  return scope;
}

}  // namespace millrace::jinja

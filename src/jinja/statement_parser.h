// A template's statements: text, {{ expressions }}, and {% blocks %} within each other.
#pragma once

#include <initializer_list>
#include <string_view>

#include "jinja/expression_parser.h"
#include "jinja/syntax_tree.h"
#include "jinja/token_stream.h"

namespace millrace::jinja {

// Fills `tree`, of which `source` is set. Throws SyntaxError.
void ParseTemplate(SyntaxTree& tree);

class StatementParser {
 public:
  StatementParser(TokenStream& tokens, SyntaxTree& tree)
      : tokens_(tokens), tree_(tree), expressions_(tokens, tree) {}

  Body ParseAll();

 private:
  using Names = std::initializer_list<std::string_view>;

  Statement* New(Statement::Kind kind, int line);
  // Statements up to "{% NAME" of one of `ends`, which the stream then stands at (the name).
  Body ParseUntil(Names ends);
  // "%}", statements, "{% NAME %}".
  Body ParseBlock(std::string_view end);
  bool AtOneOf(Names names) const;
  const Statement* ParseText();
  const Statement* ParsePrint();
  const Statement* ParseStatement();
  const Statement* ParseSet(int line);
  const Statement* ParseFor(int line);
  const Statement* ParseIf(int line);
  const Statement* ParseWith(int line);
  const Statement* ParseMacro(int line);
  const Statement* ParseCall(int line);
  const Statement* ParseFilter(int line);
  const Statement* ParseScope(int line, std::string_view end);
  const Statement* ParseLoopControl(Statement::Kind kind, int line, std::string_view name);
  std::vector<Parameter> ParseParameters();
  // Whether an expression made from number `first` on is the variable `name`.
  bool MentionsSince(std::size_t first, std::string_view name) const;

  TokenStream& tokens_;
  SyntaxTree& tree_;
  ExpressionParser expressions_;
  int loops_ = 0;          // around the current statement, within its macro
  std::string_view open_;  // the innermost block
  int open_line_ = 0;
};

}  // namespace millrace::jinja

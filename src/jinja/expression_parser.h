// Expressions: the grammar of Jinja2, by recursive descent, a function a precedence.
//
//     a if b else c  <  or  <  and  <  not  <  == in ...  <  + -  <  ~  <  * / // %  <  **  < unary
//     <  .name [item] (arguments)  <  |filter  is test
#pragma once

#include "jinja/syntax_tree.h"
#include "jinja/token_stream.h"

namespace millrace::jinja {

class ExpressionParser {
 public:
  ExpressionParser(TokenStream& tokens, SyntaxTree& tree) : tokens_(tokens), tree_(tree) {}

  const Expression* ParseExpression();
  // Where a comma makes a tuple: in {{ }}, set, for, if.
  enum class Conditional { kAllowed, kNot };  // in the "in" of a loop, `if` is the loop's
  const Expression* ParseTuple(Conditional conditional = Conditional::kAllowed);
  // A name, or names with commas, nested in brackets; with_attribute: or namespace.name.
  const Expression* ParseTarget(bool with_attribute);
  // name(arguments) | ... applied to the text of a block.
  const Expression* ParseBlockFilters();

 private:
  Expression* New(Expression::Kind kind, int line);
  const Expression* ParseConditional();
  const Expression* ParseOr();
  const Expression* ParseAnd();
  const Expression* ParseNot();
  const Expression* ParseCompare();
  const Expression* ParseSum();
  const Expression* ParseConcatenation();
  const Expression* ParseProduct();
  const Expression* ParsePower();
  const Expression* ParseUnary(bool with_filters);
  const Expression* ParsePrimary();
  const Expression* ParseName();
  std::string_view ParseStrings();
  const Expression* ParseParentheses();
  const Expression* ParseTargetPart(bool with_attribute);
  const Expression* ParseList();
  const Expression* ParseDict();
  const Expression* ParsePostfix(const Expression* subject);
  const Expression* ParseFiltersAndTests(const Expression* subject);
  const Expression* ParseAttribute(const Expression* subject);
  const Expression* ParseItem(const Expression* subject);
  const Expression* ParseCall(const Expression* subject);
  const Expression* ParseFilter(const Expression* subject);
  const Expression* ParseTest(const Expression* subject);
  ArgumentList ParseArguments();
  bool AtTupleEnd() const;
  std::string_view ParseDottedName(std::string_view what);
  const Expression* Binary(Expression::Kind kind, int line, const Expression* left,
                           const Expression* right);

  TokenStream& tokens_;
  SyntaxTree& tree_;
};

}  // namespace millrace::jinja

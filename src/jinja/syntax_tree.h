// A template as its parser understood it. Nodes point at each other and into the source, and all of
// them belong to the tree.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/value.h"

namespace millrace::jinja {

struct Expression;

// f(parts..., names=..., *star, **double_star)
struct ArgumentList {
  std::vector<const Expression*> positional;
  std::vector<std::pair<std::string_view, const Expression*>> named;
  const Expression* star = nullptr;         // or null
  const Expression* double_star = nullptr;  // or null
};

// Arithmetic, and comparisons.
enum class Operator : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
};
enum class Comparison : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct Expression {
  enum class Kind : std::uint8_t {
    kConstant,     // constant
    kName,         // name
    kList,         // parts
    kTuple,        // parts
    kDict,         // parts: key, value, key, value, ...
    kAttribute,    // parts[0] . name
    kItem,         // parts[0] [ parts[1] ]
    kSlice,        // parts[0] [ parts[1] : parts[2] : parts[3] ], null where nothing stands
    kCall,         // parts[0] (arguments)
    kFilter,       // parts[0] | name (arguments); parts[0] is null for the text of a block
    kTest,         // parts[0] is name (arguments)
    kNot,          // not parts[0]
    kNegative,     // - parts[0]
    kPositive,     // + parts[0]
    kArithmetic,   // parts[0] op parts[1]
    kConcatenate,  // parts[0] ~ parts[1] ~ ...
    kCompare,      // parts[0] comparisons[0] parts[1] comparisons[1] parts[2] ...
    kAnd,          // parts[0] and parts[1]
    kOr,           // parts[0] or parts[1]
    kConditional,  // parts[1] if parts[0] else parts[2]; parts[2] is null without an else
  };
  Kind kind;
  int line;
  std::string_view name = {};
  Value constant = {};
  std::vector<const Expression*> parts = {};
  Operator op = Operator::kAdd;
  std::vector<Comparison> comparisons = {};
  ArgumentList arguments = {};
};

struct Statement;
using Body = std::vector<const Statement*>;

// name, name=default, ...
struct Parameter {
  std::string_view name;
  const Expression* fallback = nullptr;  // or null
};

struct Statement {
  enum class Kind : std::uint8_t {
    kText,         // text
    kPrint,        // {{ value }}
    kSet,          // {% set target = value %}
    kSetBlock,     // {% set target | filter %} body; filter may be null
    kFor,          // {% for target in value if condition recursive %} body, otherwise
    kIf,           // {% if condition %} body, else otherwise (an elif is an if in it)
    kWith,         // {% with targets[i] = values[i] %} body
    kMacro,        // {% macro name(parameters) %} body
    kCallBlock,    // {% call(parameters) value %} body
    kFilterBlock,  // {% filter filter %} body
    kScope,        // {% generation %} and other blocks that only hold a scope
    kBreak,
    kContinue,
  };
  Kind kind;
  int line;
  std::string_view text = {};  // kText, and the name of a kMacro
  // A name, a tuple of targets, or an attribute (of a namespace).
  const Expression* target = nullptr;
  const Expression* value = nullptr;
  const Expression* filter = nullptr;
  const Expression* condition = nullptr;
  bool recursive = false;
  bool takes_varargs = false, takes_kwargs = false;  // a macro that mentions these names
  std::vector<std::pair<const Expression*, const Expression*>> assignments = {};  // kWith
  std::vector<Parameter> parameters = {};
  Body body = {}, otherwise = {};
};

struct SyntaxTree {
  std::string source;
  std::deque<std::string> strings;  // literals that had escapes
  std::deque<Expression> expressions;
  std::deque<Statement> statements;
  Body body;
};

}  // namespace millrace::jinja

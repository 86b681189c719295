// Expressions: what Interpreter makes of them.
#include "base/check.h"
#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/filters.h"
#include "jinja/interpreter.h"
#include "jinja/methods.h"
#include "jinja/nesting.h"
#include "jinja/operators.h"
#include "jinja/print.h"
#include "jinja/tests.h"

namespace millrace::jinja {

Value Interpreter::Evaluate(const Expression& expression) {
  line_ = expression.line;
  const Nesting nesting(depth_, options_.limits.deepest);
  heap_.Work(1);
  const auto part = [&](std::size_t i) { return Evaluate(*expression.parts[i]); };
  switch (expression.kind) {
    case Expression::Kind::kConstant:
      return expression.constant;
    case Expression::Kind::kName:
      return Lookup(expression.name);
    case Expression::Kind::kList:
    case Expression::Kind::kTuple:
      return EvaluateParts(expression);
    case Expression::Kind::kDict:
      return EvaluateDict(expression);
    case Expression::Kind::kAttribute: {
      const Value value = part(0);
      line_ = expression.line;
      return GetAttribute(value, expression.name);
    }
    case Expression::Kind::kItem: {
      const Value value = part(0);
      const Value key = part(1);
      line_ = expression.line;
      return GetItem(value, key);
    }
    case Expression::Kind::kSlice:
      return EvaluateSlice(expression);
    case Expression::Kind::kCall:
      return EvaluateCall(expression);
    case Expression::Kind::kFilter:
      return EvaluateFilter(expression, nullptr);
    case Expression::Kind::kTest: {
      const Value value = part(0);
      const Arguments arguments = EvaluateArguments(expression.arguments);
      line_ = expression.line;
      return Value::Bool(ApplyTest(expression.name, value, arguments));
    }
    case Expression::Kind::kNot:
      return Value::Bool(!IsTrue(part(0)));
    case Expression::Kind::kNegative:
      return Negative(part(0));
    case Expression::Kind::kPositive:
      return Positive(part(0));
    case Expression::Kind::kArithmetic: {
      const Value left = part(0);
      const Value right = part(1);
      line_ = expression.line;
      return Arithmetic(heap_, expression.op, left, right);
    }
    case Expression::Kind::kConcatenate:
      return EvaluateConcatenation(expression);
    case Expression::Kind::kCompare:
      return EvaluateCompare(expression);
    case Expression::Kind::kAnd: {
      const Value left = part(0);
      return IsTrue(left) ? part(1) : left;
    }
    case Expression::Kind::kOr: {
      const Value left = part(0);
      return IsTrue(left) ? left : part(1);
    }
    case Expression::Kind::kConditional:
      if (IsTrue(part(0))) return part(1);
      if (expression.parts[2] != nullptr) return part(2);
      return Value::Undefined("an if without an else was false", Missing::kOther);
  }
  MILLRACE_CHECK(false);
  return {};
}

Value Interpreter::EvaluateParts(const Expression& expression) {
  const bool is_tuple = expression.kind == Expression::Kind::kTuple;
  List* list = heap_.NewList(is_tuple ? Sequence::kTuple : Sequence::kList);
  for (const Expression* part : expression.parts) heap_.Append(*list, Evaluate(*part));
  return Value::Of(list);
}

Value Interpreter::EvaluateDict(const Expression& expression) {
  Dict* dict = heap_.NewDict();
  for (std::size_t i = 0; i < expression.parts.size(); i += 2) {
    const Value key = Evaluate(*expression.parts[i]);
    heap_.Set(*dict, key, Evaluate(*expression.parts[i + 1]));
  }
  return Value::Of(dict);
}

Value Interpreter::EvaluateSlice(const Expression& expression) {
  Value parts[4];
  for (std::size_t i = 0; i < 4; ++i) {
    if (expression.parts[i] != nullptr) parts[i] = Evaluate(*expression.parts[i]);
  }
  line_ = expression.line;
  return Slice(heap_, parts[0], parts[1], parts[2], parts[3]);
}

Arguments Interpreter::EvaluateArguments(const ArgumentList& list) {
  Arguments arguments;
  for (const Expression* value : list.positional) arguments.positional.push_back(Evaluate(*value));
  if (list.star != nullptr) {
    for (const Value& value : Items(Evaluate(*list.star)).items) {
      heap_.Work(1);
      arguments.positional.push_back(value);
    }
  }
  for (const auto& [name, value] : list.named) arguments.named.emplace_back(name, Evaluate(*value));
  if (list.double_star == nullptr) return arguments;
  const Value more = Evaluate(*list.double_star);
  if (!more.is_dict()) Fail("the argument after ** must be a mapping, not {}", TypeName(more));
  for (const auto& [name, value] : more.dict().entries) {
    heap_.Work(1);
    if (!name.is_string()) Fail("the names of arguments after ** must be strings");
    arguments.named.emplace_back(name.string(), value);
  }
  return arguments;
}

Value Interpreter::EvaluateCall(const Expression& expression, const Value* caller) {
  const Expression& callee = *expression.parts[0];
  // A method is called where it is found, without becoming a value.
  if (callee.kind == Expression::Kind::kAttribute) {
    const Value self = Evaluate(*callee.parts[0]);
    if (const Method method = FindMethod(self, callee.name); method != nullptr) {
      const Arguments arguments = EvaluateArguments(expression.arguments);
      line_ = expression.line;
      heap_.Work(1);
      return method(*this, self, arguments);
    }
    const Value function = GetAttribute(self, callee.name);
    Arguments arguments = EvaluateArguments(expression.arguments);
    if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
    line_ = expression.line;
    return Call(function, arguments);
  }
  const Value function = Evaluate(callee);
  Arguments arguments = EvaluateArguments(expression.arguments);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  line_ = expression.line;
  return Call(function, arguments);
}

Value Interpreter::EvaluateCompare(const Expression& expression) {
  Value left = Evaluate(*expression.parts[0]);
  for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
    const Value right = Evaluate(*expression.parts[i + 1]);
    line_ = expression.line;
    if (!Compare(heap_, expression.comparisons[i], left, right)) return Value::Bool(false);
    left = right;
  }
  return Value::Bool(true);
}

Value Interpreter::EvaluateConcatenation(const Expression& expression) {
  Value text = Value::String("");
  for (const Expression* part : expression.parts) {
    const Value next = Str(heap_, Evaluate(*part));
    text = heap_.Concatenate(text.string(), next.string());
  }
  return text;
}

Value Interpreter::EvaluateFilter(const Expression& expression, const Value* block_text) {
  const Nesting nesting(depth_, options_.limits.deepest);
  const Expression* subject = expression.parts[0];
  Value value;
  if (subject == nullptr) {
    MILLRACE_CHECK(block_text != nullptr);
    value = *block_text;
  } else if (block_text != nullptr) {
    value = EvaluateFilter(*subject, block_text);
  } else {
    value = Evaluate(*subject);
  }
  const Arguments arguments = EvaluateArguments(expression.arguments);
  line_ = expression.line;
  return ApplyFilter(expression.name, value, arguments);
}

Value Interpreter::ApplyFilter(std::string_view name, const Value& value,
                               const Arguments& arguments) {
  const Filter filter = FindFilter(name);
  if (filter == nullptr) FailUnsupported("there is no filter '{}'", name);
  heap_.Work(1);
  return filter(*this, value, arguments);
}

bool Interpreter::ApplyTest(std::string_view name, const Value& value, const Arguments& arguments) {
  const Test test = FindTest(name);
  if (test == nullptr) FailUnsupported("there is no test '{}'", name);
  heap_.Work(1);
  return test(*this, value, arguments);
}

Value Interpreter::Call(const Value& function, const Arguments& arguments) {
  const Nesting nesting(depth_, options_.limits.deepest);
  heap_.Work(1);
  if (function.is(Kind::kFunction)) return function.function().call(*this, arguments);
  if (function.is(Kind::kLoop)) return CallLoop(function.loop(), arguments);
  if (function.is_undefined()) Fail("{}", UndefinedMessage(function));
  Fail("'{}' object is not callable", TypeName(function));
}

Value Interpreter::GetAttribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
  if (value.is(Kind::kLoop)) return LoopAttribute(value.loop(), name);
  if (value.is(Kind::kNamespace)) {
    if (const Value* found = value.dict().Find(name); found != nullptr) return *found;
  }
  if (const Method method = FindMethod(value, name); method != nullptr) {
    const Value self = value;
    return Value::Of(heap_.NewFunction(
        name, [method, self](Interpreter& interpreter, const Arguments& arguments) {
          return method(interpreter, self, arguments);
        }));
  }
  if (value.is_dict()) {
    if (const Value* found = value.dict().Find(name); found != nullptr) return *found;
  }
  return Value::Undefined(name, Missing::kAttribute, value.kind());
}

Value Interpreter::GetItem(const Value& value, const Value& key) {
  if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
  if (value.is_dict()) {
    CheckKey(key);
    if (const Value* found = value.dict().Find(key); found != nullptr) return *found;
  }
  if (key.is_string()) return GetAttribute(value, key.string());
  const bool has_items = value.is_list() || value.is_string();
  if (!has_items || !key.is_integral()) {
    return Value::Undefined("there is no such item", Missing::kOther);
  }
  if (value.is_string()) heap_.WorkOnText(value.string().size());
  const auto size = static_cast<std::int64_t>(value.is_list() ? value.list().items.size()
                                                              : CountCharacters(value.string()));
  if (key.integer() >= size || key.integer() < -size) {
    return Value::Undefined("there is no item at this index", Missing::kOther);
  }
  const auto index = static_cast<std::size_t>(key.integer() + (key.integer() < 0 ? size : 0));
  if (value.is_list()) return value.list().items[index];
  const std::string_view rest = value.string().substr(ByteOffset(value.string(), index));
  return Value::String(rest.substr(0, FirstCharacter(rest).bytes));
}

List& Interpreter::Items(const Value& value) {
  if (value.is_list()) return value.list();
  List* list = heap_.NewList();
  if (value.is_dict()) {
    for (const auto& entry : value.dict().entries) heap_.Append(*list, entry.first);
  } else if (value.is_string()) {
    for (std::string_view rest = value.string(); !rest.empty();) {
      const std::size_t bytes = FirstCharacter(rest).bytes;
      heap_.Append(*list, Value::String(rest.substr(0, bytes)));
      rest.remove_prefix(bytes);
    }
  } else if (!value.is_undefined()) {
    Fail("'{}' object is not iterable", TypeName(value));
  }
  return *list;
}

}  // namespace millrace::jinja

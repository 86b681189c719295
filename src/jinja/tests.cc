#include "jinja/tests.h"

#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/filters.h"
#include "jinja/named_functions.h"
#include "jinja/operators.h"
#include "jinja/parameters.h"
#include "jinja/print.h"

namespace millrace::jinja {
namespace {

template <bool (*test)(const Value&)>
bool Of(Interpreter&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("this test", arguments, {});
  return test(value);
}

bool IsDefined(const Value& value) { return !value.is_undefined(); }
bool IsUndefined(const Value& value) { return value.is_undefined(); }
bool IsNone(const Value& value) { return value.is_none(); }
bool IsBoolean(const Value& value) { return value.is(Kind::kBool); }
bool IsTrueItself(const Value& value) { return value.is(Kind::kBool) && value.boolean(); }
bool IsFalseItself(const Value& value) { return value.is(Kind::kBool) && !value.boolean(); }
bool IsInteger(const Value& value) { return value.is(Kind::kInt); }
bool IsFloat(const Value& value) { return value.is(Kind::kFloat); }
bool IsNumber(const Value& value) { return value.is_number(); }
bool IsString(const Value& value) { return value.is_string(); }
bool IsMapping(const Value& value) { return value.is_dict(); }
bool IsCallable(
    const Value& value) {  // Jinja2's undefined has a method for being called, which fails.
  return value.is(Kind::kFunction) || value.is(Kind::kLoop) || value.is_undefined();
}
bool IsIterable(const Value& value) {
  return value.is_list() || value.is_dict() || value.is_string() || value.is_undefined() ||
         value.is(Kind::kLoop);
}
bool IsNever(const Value&) { return false; }

// It has a length and items: so do lists, tuples, texts, dicts, and even what is undefined.
bool IsSequence(const Value& value) {
  if (value.is_dict() || value.is_string() || value.is_undefined()) return true;
  if (!value.is_list()) return false;
  const Sequence sequence = value.list().sequence;
  return sequence == Sequence::kList || sequence == Sequence::kTuple ||
         sequence == Sequence::kRange;
}

bool IsUpperTest(Interpreter& interpreter, const Value& value, const Arguments&) {
  return IsUpper(Str(interpreter.heap(), value).string());
}
bool IsLowerTest(Interpreter& interpreter, const Value& value, const Arguments&) {
  return IsLower(Str(interpreter.heap(), value).string());
}

template <std::int64_t rest>
bool HasRestByTwo(Interpreter& interpreter, const Value& value, const Arguments&) {
  const Value found = Arithmetic(interpreter.heap(), Operator::kModulo, value, Value::Int(2));
  return Equal(interpreter.heap(), found, Value::Int(rest));
}

bool IsDivisibleBy(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("divisibleby", arguments, {"num"}, 1);
  const Value found = Arithmetic(interpreter.heap(), Operator::kModulo, value, *parameters.Get(0));
  return Equal(interpreter.heap(), found, Value::Int(0));
}

template <Comparison comparison>
bool Compares(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("a comparison", arguments, {"other"}, 1);
  return Compare(interpreter.heap(), comparison, value, *parameters.Get(0));
}

// Python's `is`: what is kept by reference must be the same, the rest equal and of one type.
bool IsSameAs(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("sameas", arguments, {"other"}, 1);
  const Value& other = *parameters.Get(0);
  if (value.kind() != other.kind()) return false;
  if (value.is_list()) return &value.list() == &other.list();
  if (value.is_dict()) return &value.dict() == &other.dict();
  return Equal(interpreter.heap(), value, other);
}

bool IsFilterName(Interpreter&, const Value& value, const Arguments&) {
  CheckKey(value);
  return value.is_string() && FindFilter(value.string()) != nullptr;
}
bool IsTestName(Interpreter&, const Value& value, const Arguments&) {
  CheckKey(value);
  return value.is_string() && FindTest(value.string()) != nullptr;
}

}  // namespace

Test FindTest(std::string_view name) {
  static const NamedFunctions<Test> tests = {{"defined", Of<IsDefined>},
                                             {"undefined", Of<IsUndefined>},
                                             {"none", Of<IsNone>},
                                             {"boolean", Of<IsBoolean>},
                                             {"true", Of<IsTrueItself>},
                                             {"false", Of<IsFalseItself>},
                                             {"integer", Of<IsInteger>},
                                             {"float", Of<IsFloat>},
                                             {"number", Of<IsNumber>},
                                             {"string", Of<IsString>},
                                             {"mapping", Of<IsMapping>},
                                             {"sequence", Of<IsSequence>},
                                             {"iterable", Of<IsIterable>},
                                             {"callable", Of<IsCallable>},
                                             {"escaped", Of<IsNever>},
                                             {"upper", IsUpperTest},
                                             {"lower", IsLowerTest},
                                             {"even", HasRestByTwo<0>},
                                             {"odd", HasRestByTwo<1>},
                                             {"divisibleby", IsDivisibleBy},
                                             {"sameas", IsSameAs},
                                             {"in", Compares<Comparison::kIn>},
                                             {"==", Compares<Comparison::kEqual>},
                                             {"eq", Compares<Comparison::kEqual>},
                                             {"equalto", Compares<Comparison::kEqual>},
                                             {"!=", Compares<Comparison::kNotEqual>},
                                             {"ne", Compares<Comparison::kNotEqual>},
                                             {"<", Compares<Comparison::kLess>},
                                             {"lt", Compares<Comparison::kLess>},
                                             {"lessthan", Compares<Comparison::kLess>},
                                             {"<=", Compares<Comparison::kLessEqual>},
                                             {"le", Compares<Comparison::kLessEqual>},
                                             {">", Compares<Comparison::kGreater>},
                                             {"gt", Compares<Comparison::kGreater>},
                                             {"greaterthan", Compares<Comparison::kGreater>},
                                             {">=", Compares<Comparison::kGreaterEqual>},
                                             {"ge", Compares<Comparison::kGreaterEqual>},
                                             {"filter", IsFilterName},
                                             {"test", IsTestName}};
  return tests.Find(name);
}

}  // namespace millrace::jinja

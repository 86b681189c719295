#include "jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/check.h"
#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/format.h"
#include "jinja/print.h"
#include "jinja/texts.h"

namespace millrace::jinja {
namespace {

constexpr std::int64_t kMostNegative = std::numeric_limits<std::int64_t>::min();

std::string_view Text(Operator op) {
  switch (op) {
    case Operator::kAdd:
      return "+";
    case Operator::kSubtract:
      return "-";
    case Operator::kMultiply:
      return "*";
    case Operator::kDivide:
      return "/";
    case Operator::kFloorDivide:
      return "//";
    case Operator::kModulo:
      return "%";
    case Operator::kPower:
      return "**";
  }
  MILLRACE_CHECK(false);
  return {};
}

[[noreturn]] void FailTypes(Operator op, const Value& left, const Value& right) {
  if (op == Operator::kAdd && left.is_string()) {
    Fail("can only concatenate str (not \"{}\") to str", TypeName(right));
  }
  Fail("unsupported operand types for {}: '{}' and '{}'", Text(op), TypeName(left),
       TypeName(right));
}

[[noreturn]] void FailOverflow(Operator op) {
  Fail("a result of {} does not fit in 64 bits", Text(op));
}

// The floor of a / b and what is left, which has the sign of b, as in Python.
Value DivideIntegers(Operator op, std::int64_t a, std::int64_t b) {
  if (b == 0) Fail("division by zero");
  if (a == kMostNegative && b == -1) {
    if (op == Operator::kModulo) return Value::Int(0);
    FailOverflow(op);
  }
  std::int64_t quotient = a / b, rest = a % b;
  if (rest != 0 && (rest < 0) != (b < 0)) {
    --quotient;
    rest += b;
  }
  return Value::Int(op == Operator::kModulo ? rest : quotient);
}

Value DivideReals(Operator op, double a, double b) {
  if (b == 0) Fail("division by zero");
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0) {
    if ((rest < 0) != (b < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (op == Operator::kModulo) return Value::Float(rest);
  if (quotient == 0) return Value::Float(std::copysign(0.0, a / b));
  const double floor = std::floor(quotient);
  return Value::Float(quotient - floor > 0.5 ? floor + 1 : floor);
}

Value IntegerPower(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) Fail("0 cannot be raised to a negative power");
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  if (base == 0 || base == 1) return Value::Int(exponent == 0 ? 1 : base);
  if (base == -1) return Value::Int(exponent % 2 == 0 ? 1 : -1);
  std::int64_t result = 1;
  for (std::int64_t i = 0; i < exponent; ++i) {  // 63 rounds at most before it overflows
    if (__builtin_mul_overflow(result, base, &result)) FailOverflow(Operator::kPower);
  }
  return Value::Int(result);
}

Value RealPower(double base, double exponent) {
  if (base == 0 && exponent < 0) Fail("0.0 cannot be raised to a negative power");
  const double result = std::pow(base, exponent);
  if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent)) {
    Fail("a negative number has no real power {}", FloatText(exponent));
  }
  if (std::isinf(result) && !std::isinf(base) && !std::isinf(exponent)) {
    Fail("a result of ** is out of range");
  }
  return Value::Float(result);
}

Value IntegerArithmetic(Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case Operator::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::kDivide:
      if (b == 0) Fail("division by zero");
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case Operator::kFloorDivide:
    case Operator::kModulo:
      return DivideIntegers(op, a, b);
    case Operator::kPower:
      return IntegerPower(a, b);
  }
  if (overflow) FailOverflow(op);
  return Value::Int(result);
}

Value RealArithmetic(Operator op, double a, double b) {
  switch (op) {
    case Operator::kAdd:
      return Value::Float(a + b);
    case Operator::kSubtract:
      return Value::Float(a - b);
    case Operator::kMultiply:
      return Value::Float(a * b);
    case Operator::kDivide:
      if (b == 0) Fail("division by zero");
      return Value::Float(a / b);
    case Operator::kFloorDivide:
    case Operator::kModulo:
      return DivideReals(op, a, b);
    case Operator::kPower:
      return RealPower(a, b);
  }
  MILLRACE_CHECK(false);
  return {};
}

bool IsConcrete(const Value& value) {
  return value.is_list() &&
         (value.list().sequence == Sequence::kList || value.list().sequence == Sequence::kTuple);
}

Value AddLists(Heap& heap, const List& left, const List& right) {
  List* sum = heap.NewList(left.sequence);
  for (const Value& item : left.items) heap.Append(*sum, item);
  for (const Value& item : right.items) heap.Append(*sum, item);
  return Value::Of(sum);
}

// Fails before it begins, if there is too much to do.
void ChargeCopies(Heap& heap, std::size_t bytes, std::int64_t times) {
  std::size_t total = 0;
  if (times <= 0) return;
  if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(times), &total)) total = SIZE_MAX;
  heap.Charge(total);
}

Value Repeat(Heap& heap, const Value& value, std::int64_t times) {
  if (value.is_string()) {
    ChargeCopies(heap, value.string().size(), times);
    TextBuilder text(heap);
    if (!value.string().empty()) {
      for (std::int64_t i = 0; i < times; ++i) text.Add(value.string());
    }
    return text.Finish();
  }
  List* list = heap.NewList(value.list().sequence);
  const std::vector<Value> items = value.list().items;
  ChargeCopies(heap, items.size() * sizeof(Value), times);
  if (!items.empty()) {
    for (std::int64_t i = 0; i < times; ++i) {
      for (const Value& item : items) heap.Append(*list, item);
    }
  }
  return Value::Of(list);
}

bool IsRepeatable(const Value& value) { return value.is_string() || IsConcrete(value); }

std::optional<std::int64_t> Bound(const Value& value) {
  if (value.is_none() || value.is_undefined()) return std::nullopt;
  if (!value.is_integral()) Fail("slice indices must be integers or None");
  return value.integer();
}

// The positions of value[begin:end:step] in a sequence of `size`, as Python's slice.indices.
struct Range {
  std::int64_t begin, end, step;
};

Range SliceRange(std::int64_t size, const Value& begin, const Value& end, const Value& step) {
  Range range{0, size, Bound(step).value_or(1)};
  if (range.step == 0) Fail("a slice has step 0");
  const bool back = range.step < 0;
  const std::int64_t low = back ? -1 : 0, high = back ? size - 1 : size;
  const auto position = [&](const Value& bound, std::int64_t absent) {
    const auto given = Bound(bound);
    if (!given.has_value()) return absent;
    const std::int64_t from_begin = *given < 0 ? std::max(*given, -size - 1) + size : *given;
    return std::clamp(from_begin, low, high);
  };
  range.begin = position(begin, back ? high : low);
  range.end = position(end, back ? low : high);
  return range;
}

Value SliceList(Heap& heap, const List& list, const Range& range) {
  List* part = heap.NewList(list.sequence == Sequence::kTuple ? Sequence::kTuple : Sequence::kList);
  const auto size = static_cast<std::int64_t>(list.items.size());
  const bool back = range.step < 0;
  for (std::int64_t i = range.begin; back ? i > range.end : i < range.end;) {
    heap.Append(*part, list.items[static_cast<std::size_t>(i)]);
    // A step over the end would overflow.
    if (back ? range.step < -i - 1 : range.step > size - i) break;
    i += range.step;
  }
  return Value::Of(part);
}

Value SliceString(Heap& heap, std::string_view text, const Value& begin, const Value& end,
                  const Value& step) {
  heap.WorkOnText(text.size());
  const auto size = static_cast<std::int64_t>(CountCharacters(text));
  const Range range = SliceRange(size, begin, end, step);
  const bool back = range.step < 0;
  if (back ? range.begin <= range.end : range.begin >= range.end) return Value::String("");
  if (range.step == 1) {
    const std::size_t first = ByteOffset(text, static_cast<std::size_t>(range.begin));
    const auto count = static_cast<std::size_t>(range.end - range.begin);
    return Value::String(text.substr(first, ByteOffset(text.substr(first), count)));
  }
  List characters;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t bytes = FirstCharacter(rest).bytes;
    heap.Append(characters, Value::String(rest.substr(0, bytes)));
    rest.remove_prefix(bytes);
  }
  const Value part = SliceList(heap, characters, range);
  TextBuilder result(heap);
  for (const Value& character : part.list().items) result.Add(character.string());
  return result.Finish();
}

}  // namespace

Value Arithmetic(Heap& heap, Operator op, const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    return IntegerArithmetic(op, left.integer(), right.integer());
  }
  if (left.is_number() && right.is_number()) return RealArithmetic(op, left.real(), right.real());
  if (op == Operator::kModulo && left.is_string()) {
    return FormatPercent(heap, left.string(), right);
  }
  if (left.is_undefined()) Fail("{}", UndefinedMessage(left));
  if (right.is_undefined()) Fail("{}", UndefinedMessage(right));
  if (op == Operator::kAdd && left.is_string() && right.is_string()) {
    return heap.Concatenate(left.string(), right.string());
  }
  if (op == Operator::kAdd && IsConcrete(left) && IsConcrete(right) &&
      left.list().sequence == right.list().sequence) {
    return AddLists(heap, left.list(), right.list());
  }
  if (op == Operator::kMultiply) {
    if (IsRepeatable(left) && right.is_integral()) return Repeat(heap, left, right.integer());
    if (IsRepeatable(right) && left.is_integral()) return Repeat(heap, right, left.integer());
  }
  FailTypes(op, left, right);
}

Value Negative(const Value& value) {
  if (value.is_integral()) {
    if (value.integer() == kMostNegative) FailOverflow(Operator::kSubtract);
    return Value::Int(-value.integer());
  }
  if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
  if (!value.is_number()) Fail("bad operand type for unary -: '{}'", TypeName(value));
  return Value::Float(-value.real());
}

Value Positive(const Value& value) {
  if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
  if (!value.is_number()) Fail("bad operand type for unary +: '{}'", TypeName(value));
  return value.is_integral() ? Value::Int(value.integer()) : value;
}

bool Contains(Heap& heap, const Value& container, const Value& item) {
  if (container.is_undefined()) return false;
  if (container.is_string()) {
    if (!item.is_string()) {
      Fail("'in <string>' requires string as left operand, not {}", TypeName(item));
    }
    return FindText(heap, container.string(), item.string()) != std::string_view::npos;
  }
  if (container.is_dict()) {
    CheckKey(item);
    return container.dict().Find(item) != nullptr;
  }
  if (!container.is_list()) {
    Fail("argument of type '{}' is not iterable", TypeName(container));
  }
  heap.Work(1 + container.list().items.size());
  const auto& items = container.list().items;
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& v) { return Equal(heap, v, item); });
}

bool Compare(Heap& heap, Comparison comparison, const Value& left, const Value& right) {
  const auto equal = [&] { return Equal(heap, left, right); };
  switch (comparison) {
    case Comparison::kEqual:
      return equal();
    case Comparison::kNotEqual:
      return !equal();
    case Comparison::kLess:
      return Less(heap, left, right);
    case Comparison::kLessEqual:
      return Less(heap, left, right) || equal();
    case Comparison::kGreater:
      return Less(heap, right, left);
    case Comparison::kGreaterEqual:
      return Less(heap, right, left) || equal();
    case Comparison::kIn:
      return Contains(heap, right, left);
    case Comparison::kNotIn:
      return !Contains(heap, right, left);
  }
  MILLRACE_CHECK(false);
  return false;
}

Value Slice(Heap& heap, const Value& value, const Value& begin, const Value& end,
            const Value& step) {
  if (value.is_string()) return SliceString(heap, value.string(), begin, end, step);
  if (!value.is_list()) {
    if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
    Fail("'{}' object cannot be sliced", TypeName(value));
  }
  const auto size = static_cast<std::int64_t>(value.list().items.size());
  return SliceList(heap, value.list(), SliceRange(size, begin, end, step));
}

}  // namespace millrace::jinja

// Filters on single values: numbers, defaults, JSON.
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/filters.h"
#include "jinja/json.h"
#include "jinja/named_functions.h"
#include "jinja/numbers.h"
#include "jinja/operators.h"
#include "jinja/parameters.h"
#include "jinja/print.h"
#include "jinja/texts.h"

namespace millrace::jinja {
namespace {

using std::string_view;

Value Default(Interpreter&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("default", arguments, {"default_value", "boolean"});
  const bool absent = value.is_undefined() || (parameters.Bool(1, false) && !IsTrue(value));
  if (!absent) return value;
  return parameters.Get(0) == nullptr ? Value::String("") : *parameters.Get(0);
}

// Digits with single underscores between them, as int() and float() read them.
std::optional<std::string> WithoutUnderscores(string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i - 1] == '_') {
      return std::nullopt;
    }
  }
  return digits;
}

std::optional<double> ReadReal(Heap& heap, string_view text) {
  text = Strip(heap, text, Side::kBoth, nullptr).string();
  auto digits = WithoutUnderscores(text);
  if (!digits.has_value()) return std::nullopt;
  if (digits->starts_with('+')) digits->erase(0, 1);
  if (digits->starts_with('+')) return std::nullopt;
  double value = 0;
  const auto read = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (read.ptr != digits->data() + digits->size()) return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) return OutOfRange(*digits);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> ReadInteger(Heap& heap, string_view text, int base) {
  text = Strip(heap, text, Side::kBoth, nullptr).string();
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == prefix[1]) {
    text.remove_prefix(2);
  }
  const auto digits = WithoutUnderscores(text);
  if (!digits.has_value() || digits->empty() || (*digits)[0] == '-') return std::nullopt;
  std::int64_t value = 0;
  const std::string whole = (negative ? "-" : "") + *digits;
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), value, base);
  if (read.ec != std::errc() || read.ptr != whole.data() + whole.size()) return std::nullopt;
  return value;
}

// Nothing for infinity and NaN, for which int() takes its default.
std::optional<std::int64_t> Truncated(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (std::abs(value) >= 0x1p63) Fail("the integer {} does not fit in 64 bits", FloatText(value));
  return static_cast<std::int64_t>(value);
}

Value ToInt(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("int", arguments, {"default", "base"});
  const std::int64_t base = parameters.Int(1, 10);
  if (base < 2 || base > 36) Fail("int() wants a base of 2 to 36, not {}", base);
  if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
  std::optional<std::int64_t> result;
  if (value.is_integral()) {
    result = value.integer();
  } else if (value.is_number()) {
    result = Truncated(value.real());
  } else if (value.is_string()) {
    result = ReadInteger(interpreter.heap(), value.string(), static_cast<int>(base));
    if (!result.has_value()) {
      if (const auto real = ReadReal(interpreter.heap(), value.string()); real.has_value()) {
        result = Truncated(*real);
      }
    }
  }
  if (result.has_value()) return Value::Int(*result);
  return parameters.Get(0) == nullptr ? Value::Int(0) : *parameters.Get(0);
}

Value ToFloat(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("float", arguments, {"default"});
  if (value.is_undefined()) Fail("{}", UndefinedMessage(value));
  if (value.is_number()) return Value::Float(value.real());
  if (value.is_string()) {
    const auto real = ReadReal(interpreter.heap(), value.string());
    if (real.has_value()) return Value::Float(*real);
  }
  return parameters.Get(0) == nullptr ? Value::Float(0) : *parameters.Get(0);
}

Value Absolute(Interpreter&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("abs", arguments, {});
  if (!value.is_number()) Fail("bad operand type for abs(): '{}'", TypeName(value));
  if (value.is_integral()) return value.integer() < 0 ? Negative(value) : Positive(value);
  return Value::Float(std::abs(value.real()));
}

// As Python rounds: to the nearest decimal of the exact value, a tie to the even one.
double RoundTo(double value, int digits) {
  if (!std::isfinite(value)) return value;
  if (digits >= 0) {
    const std::string text = fmt::format("{:.{}f}", value, digits);
    double rounded = value;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return rounded;
  }
  const double unit = std::pow(10.0, -digits);
  return std::nearbyint(value / unit) * unit;
}

Value Round(Interpreter&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("round", arguments, {"precision", "method"});
  const string_view method = parameters.String(1, "common");
  const std::int64_t digits = parameters.Int(0, 0);
  if (!value.is_number()) Fail("round() wants a number, not '{}'", TypeName(value));
  if (digits < -300 || digits > 300) Fail("round() wants a precision of -300 to 300");
  if (method == "common") {
    if (value.is_integral() && digits >= 0) return Value::Int(value.integer());
    const double rounded = RoundTo(value.real(), static_cast<int>(digits));
    if (!value.is_integral()) return Value::Float(rounded);
    return Value::Int(Truncated(rounded).value_or(value.integer()));
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  if (method == "ceil") return Value::Float(std::ceil(value.real() * unit) / unit);
  if (method == "floor") return Value::Float(std::floor(value.real() * unit) / unit);
  Fail("method must be common, ceil or floor");
}

Value Attribute(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("attr", arguments, {"name"}, 1);
  return interpreter.GetAttribute(value, parameters.String(0, ""));
}

// As transformers defines it: json.dumps with its arguments.
Value ToJsonFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("tojson", arguments,
                              {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{.ensure_ascii = parameters.Bool(0, false),
                  .sort_keys = parameters.Bool(3, false),
                  .has_indent = parameters.Has(1)};
  std::string blanks;
  if (style.has_indent) {
    style.item_separator = ",";
    if (parameters.Get(1)->is_string()) {
      style.indent = parameters.Get(1)->string();
    } else {
      const std::int64_t width = parameters.Int(1, 0);
      if (width > 1000) Fail("tojson() wants an indent of at most 1000, not {}", width);
      blanks.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
      style.indent = blanks;
    }
  }
  if (parameters.Has(2)) {
    const auto& separators = interpreter.Items(*parameters.Get(2)).items;
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) {
      Fail("tojson() wants two texts as separators");
    }
    style.item_separator = separators[0].string();
    style.key_separator = separators[1].string();
  }
  return ToJson(interpreter.heap(), value, style);
}

Value FromJsonFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("from_json", arguments, {});
  if (!value.is_string()) Fail("from_json wants a str, not '{}'", TypeName(value));
  return ParseJson(interpreter.heap(), value.string());
}

}  // namespace

Filter FindValueFilter(string_view name) {
  static const NamedFunctions<Filter> filters = {
      {"default", Default}, {"d", Default},           {"int", ToInt},
      {"float", ToFloat},   {"abs", Absolute},        {"round", Round},
      {"attr", Attribute},  {"tojson", ToJsonFilter}, {"from_json", FromJsonFilter}};
  return filters.Find(name);
}

Filter FindFilter(string_view name) {
  if (const Filter filter = FindTextFilter(name); filter != nullptr) return filter;
  if (const Filter filter = FindSequenceFilter(name); filter != nullptr) return filter;
  return FindValueFilter(name);
}

}  // namespace millrace::jinja

#include "jinja/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/print.h"
#include "jinja/texts.h"

namespace millrace::jinja {
namespace {

using std::string_view;

constexpr int kMostPrecision = 500;
constexpr int kMostGroupedWidth = 1000;

// What both languages say about a field: "%-08.3f" and "{:<08.3f}".
struct Field {
  string_view fill = " ";
  char align = '\0';  // < > ^ =
  char sign = '\0';   // - + space
  bool alternate = false;
  char grouping = '\0';  // , _
  std::int64_t width = 0;
  std::optional<int> precision;
  char type = '\0';
};

// A number at the beginning of `text`, which is taken off.
std::optional<std::int64_t> TakeNumber(string_view& text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text[0] == '-' || read.ec == std::errc::invalid_argument) return std::nullopt;
  if (read.ec != std::errc()) Fail("a width in a format is too large");
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return number;
}

int Precision(std::int64_t digits) {
  if (digits < 0 || digits > kMostPrecision) {
    Fail("a precision in a format is {}, wanted at most {}", digits, kMostPrecision);
  }
  return static_cast<int>(digits);
}

bool IsSpecial(const std::string& digits) { return digits == "inf" || digits == "nan"; }

// So many digits, of which one stands behind the point at least: without a type, 100 with three
// digits is 1e+02.
std::string PlainDigits(double magnitude, int precision) {
  std::string digits = fmt::format("{:.{}e}", magnitude, precision - 1);
  const std::size_t e = digits.find('e');
  if (e == digits.npos) return digits;  // inf, nan
  int exponent = 0;
  std::from_chars(digits.data() + e + (digits[e + 1] == '+' ? 2 : 1), digits.data() + digits.size(),
                  exponent);
  if (exponent >= -4 && exponent + 1 < precision) {
    digits = fmt::format("{:.{}g}", magnitude, precision);
    return digits.find('.') == digits.npos ? digits + ".0" : digits;
  }
  std::string mantissa = digits.substr(0, e);
  if (mantissa.find('.') != mantissa.npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.ends_with('.')) mantissa.pop_back();
  }
  return mantissa + digits.substr(e);
}

// The digits of a real number without its sign.
std::string RealDigits(double value, const Field& field) {
  const double magnitude = std::abs(value);
  const char type = field.type;
  if (type == '\0' && !field.precision.has_value()) return FloatText(magnitude);
  const int precision = field.precision.value_or(6);
  switch (type) {
    case 'e':
      return fmt::format("{:.{}e}", magnitude, precision);
    case 'E':
      return fmt::format("{:.{}E}", magnitude, precision);
    case 'f':
    case 'F':
      return fmt::format("{:.{}f}", magnitude, precision);
    case 'G':
      return fmt::format("{:.{}G}", magnitude, std::max(precision, 1));
    case '%':
      return fmt::format("{:.{}f}%", magnitude * 100, precision);
    case '\0':
      return PlainDigits(magnitude, std::max(precision, 1));
    default:
      return fmt::format("{:.{}g}", magnitude, std::max(precision, 1));
  }
}

std::string IntegerDigits(std::int64_t value, const Field& field) {
  const std::uint64_t magnitude =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  switch (field.type) {
    case 'x':
      return fmt::format("{}{:x}", field.alternate ? "0x" : "", magnitude);
    case 'X':
      return fmt::format("{}{:X}", field.alternate ? "0X" : "", magnitude);
    case 'o':
      return fmt::format("{}{:o}", field.alternate ? "0o" : "", magnitude);
    case 'b':
      return fmt::format("{}{:b}", field.alternate ? "0b" : "", magnitude);
    default:
      return std::to_string(magnitude);
  }
}

// 1234567.5 as 1,234,567.5
std::string Group(const std::string& digits, char separator) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string grouped;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % 3 == 0) grouped += separator;
    grouped += digits[i];
  }
  return grouped + digits.substr(whole);
}

// `text` in its field; `sign` goes before filling zeros.
void AddPadded(Heap& heap, TextBuilder& result, string_view sign, string_view text,
               const Field& field, char default_align) {
  const char align = field.align == '\0' ? default_align : field.align;
  if (align == '=') {
    const auto width = field.width - static_cast<std::int64_t>(sign.size());
    result.Add(sign);
    result.Add(Pad(heap, text, width, field.fill, Alignment::kRight).string());
    return;
  }
  const Value whole = heap.NewString(std::string(sign) + std::string(text));
  // Of an odd number of blanks, format() has the larger half on the right.
  const std::int64_t missing =
      field.width - static_cast<std::int64_t>(CountCharacters(whole.string()));
  std::int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  for (std::int64_t i = 0; i < left; ++i) result.Add(field.fill);
  result.Add(whole.string());
  for (std::int64_t i = std::max<std::int64_t>(left, 0); i < missing; ++i) result.Add(field.fill);
}

// Digits in groups, with the zeros that fill the field.
std::string Grouped(std::string digits, string_view sign, const Field& field) {
  if (field.align == '=' && field.fill == "0") {
    if (field.width > kMostGroupedWidth) {
      Fail("a width in a format is {}, wanted at most {}", field.width, kMostGroupedWidth);
    }
    const auto width = static_cast<std::size_t>(std::max<std::int64_t>(field.width, 0));
    while (sign.size() + Group(digits, field.grouping).size() < width) digits.insert(0, "0");
  }
  return Group(digits, field.grouping);
}

string_view SignOf(bool negative, const Field& field) {
  if (negative) return "-";
  return field.sign == '+' ? "+" : field.sign == ' ' ? " " : "";
}

void AddReal(Heap& heap, TextBuilder& result, double value, const Field& field) {
  std::string digits = RealDigits(value, field);
  const string_view sign = SignOf(std::signbit(value) && !std::isnan(value), field);
  if (field.grouping != '\0' && !IsSpecial(digits)) {
    digits = Grouped(std::move(digits), sign, field);
  }
  AddPadded(heap, result, sign, digits, field, '>');
}

void AddInteger(Heap& heap, TextBuilder& result, std::int64_t value, const Field& field) {
  std::string digits = IntegerDigits(value, field);
  const string_view sign = SignOf(value < 0, field);
  if (field.grouping != '\0') digits = Grouped(std::move(digits), sign, field);
  AddPadded(heap, result, sign, digits, field, '>');
}

void AddText(Heap& heap, TextBuilder& result, string_view text, const Field& field,
             char default_align) {
  if (field.precision.has_value()) {
    text = text.substr(0, ByteOffset(text, static_cast<std::size_t>(*field.precision)));
  }
  AddPadded(heap, result, "", text, field, default_align);
}

// ---- "%s"
// ----------------------------------------------------------------------------------------

class PercentFormatter {
 public:
  PercentFormatter(Heap& heap, string_view format, const Value& values)
      : heap_(heap), rest_(format), values_(values), result_(heap_) {}

  Value Run() {
    while (true) {
      const std::size_t percent = rest_.find('%');
      result_.Add(rest_.substr(0, percent));
      if (percent == rest_.npos) break;
      rest_.remove_prefix(percent + 1);
      AddConversion();
    }
    const bool is_tuple = values_.is_list() && values_.list().sequence == Sequence::kTuple;
    const std::size_t given = is_tuple ? values_.list().items.size() : 1;
    const bool may_be_left =
        values_.is_dict() || values_.is_undefined() || (values_.is_list() && !is_tuple);
    if (next_ < given && !may_be_left) Fail("not all arguments converted during string formatting");
    return result_.Finish();
  }

 private:
  Value Next() {
    const bool is_tuple = values_.is_list() && values_.list().sequence == Sequence::kTuple;
    const std::size_t given = is_tuple ? values_.list().items.size() : 1;
    if (next_ >= given) Fail("not enough arguments for format string");
    return is_tuple ? values_.list().items[next_++] : (++next_, values_);
  }

  char Take() {
    if (rest_.empty()) Fail("incomplete format");
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  Value Named() {
    const std::size_t end = rest_.find(')');
    if (end == rest_.npos) Fail("incomplete format key");
    const string_view name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    if (!values_.is_dict()) Fail("format requires a mapping");
    const Value* found = values_.dict().Find(name);
    if (found == nullptr) Fail("the format wants the key '{}'", name);
    return *found;
  }

  std::int64_t Number() {
    if (!rest_.starts_with('*')) return TakeNumber(rest_).value_or(0);
    rest_.remove_prefix(1);
    const Value value = Next();
    if (!value.is_integral()) Fail("* wants int");
    return value.integer();
  }

  void AddConversion() {
    std::optional<Value> value;
    if (rest_.starts_with('(')) value = Named();
    Field field;
    bool zero = false;
    for (; !rest_.empty() && string_view("-+ 0#").find(rest_[0]) != rest_.npos; Take()) {
      if (rest_[0] == '-') field.align = '<';
      if (rest_[0] == '+' || (rest_[0] == ' ' && field.sign != '+')) field.sign = rest_[0];
      if (rest_[0] == '0') zero = true;
      if (rest_[0] == '#') field.alternate = true;
    }
    field.width = Number();
    if (rest_.starts_with('.')) {
      Take();
      field.precision = Precision(Number());
    }
    while (!rest_.empty() && string_view("hlL").find(rest_[0]) != rest_.npos) Take();
    field.type = Take();
    if (field.type == '%') return result_.Add("%");
    if (!value.has_value()) value = Next();
    if (zero && field.align != '<' && field.type != 's' && field.type != 'r') {
      field.align = '=';
      field.fill = "0";
    }
    AddValue(*value, field);
  }

  void AddValue(const Value& value, Field& field) {
    switch (field.type) {
      case 's':
        return AddText(heap_, result_, Str(heap_, value).string(), field, '>');
      case 'r':
      case 'a': {
        std::string text;
        AppendRepr(heap_, text, value);
        return AddText(heap_, result_, text, field, '>');
      }
      case 'c':
        return AddCharacter(value, field);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return AddInteger(heap_, result_, Integer(value, field.type), field);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) Fail("must be real number, not {}", TypeName(value));
        return AddReal(heap_, result_, value.real(), field);
      default:
        Fail("unsupported format character in '%{}'", field.type);
    }
  }

  void AddCharacter(const Value& value, const Field& field) {
    std::string character;
    if (value.is_string()) {
      character = value.string();
    } else if (value.is_integral()) {
      const std::int64_t code = value.integer();
      if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        Fail("%c has no character {}", code);
      }
      AppendCharacter(character, static_cast<char32_t>(code));
    }
    if (character.empty() || CountCharacters(character) != 1) Fail("%c requires int or char");
    AddText(heap_, result_, character, field, '>');
  }

  static std::int64_t Integer(const Value& value, char type) {
    if (value.is_integral()) return value.integer();
    const bool truncates = type == 'd' || type == 'i' || type == 'u';
    if (!value.is_number() || !truncates || !(std::abs(value.real()) < 0x1p63)) {
      Fail("%{} format: a number is required, not {}", type, TypeName(value));
    }
    return static_cast<std::int64_t>(value.real());
  }

  Heap& heap_;
  string_view rest_;
  const Value& values_;
  std::size_t next_ = 0;
  TextBuilder result_;
};

// ---- "{}"
// ----------------------------------------------------------------------------------------

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments)
      : interpreter_(interpreter), heap_(interpreter.heap()), arguments_(arguments) {}

  // `depth`: a field within the specification of a field is the deepest there is.
  Value Run(string_view format, int depth) {
    if (depth > 1) Fail("Max string recursion exceeded");
    TextBuilder result(heap_);
    while (!format.empty()) {
      const std::size_t brace = format.find_first_of("{}");
      result.Add(format.substr(0, brace));
      if (brace == format.npos) break;
      const char c = format[brace];
      format.remove_prefix(brace + 1);
      if (format.starts_with(c)) {
        result.Add(string_view(c == '{' ? "{" : "}"));
        format.remove_prefix(1);
      } else if (c == '}') {
        Fail("Single '}}' encountered in format string");
      } else {
        const std::size_t end = FieldEnd(format);
        AddField(result, format.substr(0, end), depth);
        format.remove_prefix(end + 1);
      }
    }
    return result.Finish();
  }

 private:
  static std::size_t FieldEnd(string_view format) {
    int open = 1;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] == '{') ++open;
      if (format[i] == '}' && --open == 0) return i;
    }
    Fail("expected '}}' before end of string");
  }

  void AddField(TextBuilder& result, string_view text, int depth) {
    string_view path = text.substr(0, text.find_first_of("!:"));
    string_view rest = text.substr(path.size());
    Value value = Resolve(path);
    if (rest.starts_with('!')) {
      const string_view conversion = rest.substr(1, 1);
      if (conversion == "r" || conversion == "a") {
        std::string repr;
        AppendRepr(heap_, repr, value);
        value = heap_.NewString(repr);
      } else if (conversion == "s") {
        value = Str(heap_, value);
      } else {
        Fail("unknown conversion '{}' in a format", conversion);
      }
      rest.remove_prefix(2);
    }
    if (!rest.empty() && rest[0] != ':') Fail("expected ':' after conversion specifier");
    string_view specification = rest.empty() ? rest : rest.substr(1);
    if (specification.find('{') != specification.npos) {
      specification = Run(specification, depth + 1).string();
    }
    Add(result, value, specification);
  }

  // "0", "name", "", with .attribute and [item] after it.
  Value Resolve(string_view path) {
    const std::size_t name_size = std::min(path.find_first_of(".["), path.size());
    Value value = First(path.substr(0, name_size));
    for (path.remove_prefix(name_size); !path.empty();) {
      if (path[0] == '.') {
        const std::size_t end = std::min(path.find_first_of(".[", 1), path.size());
        value = interpreter_.GetAttribute(value, path.substr(1, end - 1));
        path.remove_prefix(end);
        continue;
      }
      const std::size_t end = path.find(']');
      if (path[0] != '[' || end == path.npos) Fail("Missing ']' in format string");
      string_view key = path.substr(1, end - 1);
      const auto index = TakeNumber(key);
      value = interpreter_.GetItem(value, index.has_value() && key.empty()
                                              ? Value::Int(*index)
                                              : Value::String(path.substr(1, end - 1)));
      path.remove_prefix(end + 1);
    }
    return value;
  }

  Value First(string_view name) {
    string_view rest = name;
    auto index = TakeNumber(rest);
    if (name.empty()) index = next_++;
    if (index.has_value() && rest.empty()) {
      if (*index >= static_cast<std::int64_t>(arguments_.positional.size())) {
        Fail("Replacement index {} out of range for positional args tuple", *index);
      }
      return arguments_.positional[static_cast<std::size_t>(*index)];
    }
    for (const auto& [given, value] : arguments_.named) {
      if (given == name) return value;
    }
    Fail("the format wants an argument named '{}'", name);
  }

  static Field ParseField(string_view text) {
    Field field;
    const auto is_align = [](char c) {
      return c != '\0' && string_view("<>=^").find(c) != string_view::npos;
    };
    const std::size_t first = text.empty() ? 0 : FirstCharacter(text).bytes;
    if (first < text.size() && first > 0 && is_align(text[first])) {
      field.fill = text.substr(0, first);
      field.align = text[first];
      text.remove_prefix(first + 1);
    } else if (!text.empty() && is_align(text[0])) {
      field.align = text[0];
      text.remove_prefix(1);
    }
    const auto take = [&](string_view letters) {
      const bool has = !text.empty() && letters.find(text[0]) != letters.npos;
      const char c = has ? text[0] : '\0';
      if (has) text.remove_prefix(1);
      return c;
    };
    if (const char sign = take("+- "); sign != '\0') field.sign = sign;
    field.alternate = take("#") != '\0';
    if (take("0") != '\0' && field.align == '\0') {
      field.fill = "0";
      field.align = '=';
    }
    field.width = TakeNumber(text).value_or(0);
    field.grouping = take(",_");
    if (take(".") != '\0') {
      const auto digits = TakeNumber(text);
      if (!digits.has_value()) Fail("Format specifier missing precision");
      field.precision = Precision(*digits);
    }
    field.type = take("bcdeEfFgGnosxX%");
    if (!text.empty()) Fail("Invalid format specifier '{}'", text);
    return field;
  }

  void Add(TextBuilder& result, const Value& value, string_view specification) {
    if (specification.empty()) return result.Add(Str(heap_, value).string());
    Field field = ParseField(specification);
    const bool is_integer_type =
        field.type == '\0' || string_view("bdnoxX").find(field.type) != string_view::npos;
    if (value.is_integral() && is_integer_type) {
      if (field.precision.has_value()) Fail("Precision not allowed in integer format specifier");
      return AddInteger(heap_, result, value.integer(), field);
    }
    const bool is_real_type = string_view("eEfFgGn%").find(field.type) != string_view::npos;
    if (value.is_number() && (field.type == '\0' || is_real_type)) {
      return AddReal(heap_, result, value.real(), field);
    }
    if (!value.is_string() && !value.is_number()) {
      Fail("unsupported format string for '{}'", TypeName(value));
    }
    if (value.is_number() || (field.type != '\0' && field.type != 's')) {
      Fail("Unknown format code '{}' for object of type '{}'", field.type, TypeName(value));
    }
    if (field.sign != '\0' || field.grouping != '\0' || field.alternate) {
      Fail("a sign, '#' or a grouping is not allowed in the format of a str");
    }
    if (field.align == '=') {
      if (field.fill != "0") Fail("'=' alignment not allowed in string format specifier");
      field.align = '<';
    }
    AddText(heap_, result, Str(heap_, value).string(), field, '<');
  }

  Interpreter& interpreter_;
  Heap& heap_;
  const Arguments& arguments_;
  std::int64_t next_ = 0;
};

}  // namespace

Value FormatPercent(Heap& heap, string_view format, const Value& values) {
  return PercentFormatter(heap, format, values).Run();
}

Value FormatBraces(Interpreter& interpreter, string_view format, const Arguments& arguments) {
  return BraceFormatter(interpreter, arguments).Run(format, 0);
}

}  // namespace millrace::jinja

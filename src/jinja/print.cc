#include "jinja/print.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "jinja/characters.h"
#include "jinja/failure.h"

namespace millrace::jinja {
namespace {

void AppendEscaped(std::string& text, char32_t code, char quote) {
  if (code == static_cast<unsigned char>(quote) || code == '\\') {
    text += '\\';
    text += static_cast<char>(code);
  } else if (code == '\n') {
    text += "\\n";
  } else if (code == '\r') {
    text += "\\r";
  } else if (code == '\t') {
    text += "\\t";
  } else if (IsPrintable(code)) {
    AppendCharacter(text, code);
  } else if (code >= kRawByte) {
    text += fmt::format("\\udc{:02x}", static_cast<unsigned>(code - kRawByte));
  } else if (code < 0x100) {
    text += fmt::format("\\x{:02x}", static_cast<unsigned>(code));
  } else if (code < 0x10000) {
    text += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
  } else {
    text += fmt::format("\\U{:08x}", static_cast<unsigned>(code));
  }
}

void AppendStringRepr(std::string& text, std::string_view string) {
  const bool has_single = string.find('\'') != string.npos;
  const char quote = has_single && string.find('"') == string.npos ? '"' : '\'';
  text += quote;
  while (!string.empty()) {
    const Character character = FirstCharacter(string);
    AppendEscaped(text, character.code, quote);
    string.remove_prefix(character.bytes);
  }
  text += quote;
}

void AppendItems(Heap& heap, std::string& text, const List& list, int depth) {
  bool first = true;
  for (const Value& item : list.items) {
    if (!first) text += ", ";
    first = false;
    AppendRepr(heap, text, item, depth + 1);
  }
}

void AppendListRepr(Heap& heap, std::string& text, const Value& value, int depth) {
  const List& list = value.list();
  switch (list.sequence) {
    case Sequence::kTuple:
      text += '(';
      AppendItems(heap, text, list, depth);
      text += list.items.size() == 1 ? ",)" : ")";
      return;
    case Sequence::kKeys:
    case Sequence::kValues:
    case Sequence::kItems:
      text += TypeName(value);
      text += "([";
      AppendItems(heap, text, list, depth);
      text += "])";
      return;
    case Sequence::kList:
    case Sequence::kRange:
    case Sequence::kGenerator:
      text += '[';
      AppendItems(heap, text, list, depth);
      text += ']';
      return;
  }
}

void AppendDictRepr(Heap& heap, std::string& text, const Dict& dict, int depth) {
  text += '{';
  bool first = true;
  for (const auto& [key, value] : dict.entries) {
    if (!first) text += ", ";
    first = false;
    AppendRepr(heap, text, key, depth + 1);
    text += ": ";
    AppendRepr(heap, text, value, depth + 1);
  }
  text += '}';
}

}  // namespace

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  const char* exponent_digits = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  int exponent = 0;
  std::from_chars(exponent_digits, end.ptr, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(text);  // both write e+16, e-05
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::string sign = value < 0 || std::signbit(value) ? "-" : "";
  if (exponent < 0) {
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

void AppendRepr(Heap& heap, std::string& text, const Value& value, int depth) {
  // What grows here becomes a string of the heap only at the end: a value that holds another one
  // many times must not fill the memory before.
  heap.Work(1);
  heap.Charge(24);
  if (depth > kDeepestValue) Fail("a value to print is nested too deeply");
  switch (value.kind()) {
    case Kind::kUndefined:
      text += "Undefined";
      return;
    case Kind::kNone:
      text += "None";
      return;
    case Kind::kBool:
      text += value.boolean() ? "True" : "False";
      return;
    case Kind::kInt:
      text += std::to_string(value.integer());
      return;
    case Kind::kFloat:
      text += FloatText(value.real());
      return;
    case Kind::kString:
      heap.WorkOnText(value.string().size());
      heap.Charge(4 * value.string().size());  // of \xHH
      AppendStringRepr(text, value.string());
      return;
    case Kind::kList:
      AppendListRepr(heap, text, value, depth);
      return;
    case Kind::kDict:
      AppendDictRepr(heap, text, value.dict(), depth);
      return;
    case Kind::kNamespace:
      text += "<Namespace ";
      AppendDictRepr(heap, text, value.dict(), depth);
      text += '>';
      return;
    case Kind::kFunction:
      heap.Charge(value.function().name.size());
      text += fmt::format("<function {}>", value.function().name);
      return;
    case Kind::kLoop:
      text += "<LoopContext>";
      return;
  }
  MILLRACE_CHECK(false);
}

Value Str(Heap& heap, const Value& value) {
  if (value.is_string()) return value;
  if (value.is_undefined()) return Value::String("");
  std::string text;
  AppendRepr(heap, text, value);
  return heap.NewString(text);
}

void AppendStr(Heap& heap, std::string& text, const Value& value) {
  if (value.is_string()) {
    text += value.string();
  } else if (!value.is_undefined()) {
    AppendRepr(heap, text, value);
  }
}

}  // namespace millrace::jinja

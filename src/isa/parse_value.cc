#include "isa/parse_value.h"

#include <limits>

namespace millrace::isa {
namespace {

std::optional<std::uint8_t> DigitOf(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

// A term of an address after its first number: "*iter" or "*(rN/N)".
Result<void> ParseTerm(TextCursor& cursor, std::int32_t number, Address& value) {
  MILLRACE_TRY_VOID(cursor.Expect("*"));
  if (cursor.Take("iter")) {
    value.iteration_stride = number;
    return {};
  }
  value.register_stride = number;
  MILLRACE_TRY_VOID(cursor.Expect("("));
  MILLRACE_TRY_VOID(cursor.Expect("r"));
  MILLRACE_TRY_VOID(ParseValue(cursor, value.index));
  MILLRACE_TRY_VOID(cursor.Expect("/"));
  MILLRACE_TRY_VOID(ParseValue(cursor, value.divisor));
  return cursor.Expect(")");
}

}  // namespace

Result<void> ParseValue(TextCursor& cursor, float& value) {
  MILLRACE_TRY(value, cursor.ParseNumber<float>());
  return {};
}

Result<void> ParseValue(TextCursor& cursor, DType& value) {
  const TextCursor before = cursor;
  if (const auto dtype = ParseDType(cursor.Word())) {
    value = *dtype;
    return {};
  }
  cursor = before;
  return cursor.Unexpected("a type of weights");
}

Result<void> ParseValue(TextCursor& cursor, Address& value) {
  MILLRACE_TRY_VOID(cursor.Expect("["));
  MILLRACE_TRY_VOID(ParseValue(cursor, value.base));
  while (!cursor.Take("]")) {
    MILLRACE_TRY_VOID(cursor.Expect("+"));
    if (cursor.Take("s")) {
      MILLRACE_TRY_VOID(ParseValue(cursor, value.segment));
      continue;
    }
    MILLRACE_TRY(const auto number, cursor.ParseNumber<std::int32_t>());
    MILLRACE_TRY_VOID(ParseTerm(cursor, number, value));
  }
  return {};
}

Result<void> ParseValue(TextCursor& cursor, Condition& value) {
  MILLRACE_TRY_VOID(cursor.Expect("r"));
  MILLRACE_TRY_VOID(ParseValue(cursor, value.index));
  MILLRACE_TRY_VOID(cursor.Expect("%"));
  MILLRACE_TRY_VOID(ParseValue(cursor, value.modulus));
  MILLRACE_TRY_VOID(cursor.Expect("=="));
  return ParseValue(cursor, value.remainder);
}

Result<void> ParseValue(TextCursor& cursor, StreamGroup& value) {
  MILLRACE_TRY_VOID(ParseValue(cursor, value.base));
  value.width = 1;
  if (!cursor.Take("..")) return {};
  const TextCursor before = cursor;
  MILLRACE_TRY(const auto last, cursor.ParseNumber<std::int32_t>());
  const std::int64_t width = std::int64_t{last} - value.base + 1;
  if (width < 0 || width > std::numeric_limits<std::uint8_t>::max()) {
    cursor = before;
    return cursor.Unexpected("the last stream of the group");
  }
  value.width = static_cast<std::uint8_t>(width);
  return {};
}

Result<void> ParseValue(TextCursor& cursor, std::optional<Operand>& value) {
  value.emplace();
  MILLRACE_TRY_VOID(ParseValue(cursor, value->side));
  return ParseValue(cursor, value->streams);
}

Result<void> ParseValue(TextCursor& cursor, std::string& value) {
  TextCursor raw = cursor;
  value.clear();
  if (raw.AtEnd() || raw.TakeRaw() != '"') return cursor.Unexpected("a text in quotes");
  while (!raw.AtEnd()) {
    const char c = raw.TakeRaw();
    if (c == '"') {
      raw.SkipBlanks();
      cursor = raw;
      return {};
    }
    if (c != '\\') {
      value += c;
      continue;
    }
    unsigned code = 0;
    if (raw.AtEnd() || raw.TakeRaw() != 'x') return raw.Unexpected("xNN after a backslash");
    for (int i = 0; i < 2; ++i) {
      const auto digit = raw.AtEnd() ? std::nullopt : DigitOf(raw.TakeRaw());
      if (!digit) return raw.Unexpected("two digits after \\x");
      code = code * 16 + *digit;
    }
    value += static_cast<char>(code);
  }
  return raw.Unexpected("a quote that ends the text");
}

Result<void> ParseValue(TextCursor& cursor, std::vector<std::int32_t>& value) {
  value.clear();
  MILLRACE_TRY_VOID(cursor.Expect("["));
  while (!cursor.Take("]")) {
    if (!value.empty()) MILLRACE_TRY_VOID(cursor.Expect(","));
    MILLRACE_TRY(const auto number, cursor.ParseNumber<std::int32_t>());
    value.push_back(number);
  }
  return {};
}

Result<void> ParseValue(TextCursor& cursor, std::vector<std::byte>& value) {
  const TextCursor before = cursor;
  const std::string_view digits = cursor.Word();
  value.clear();
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const auto high = DigitOf(digits[i]), low = DigitOf(digits[i + 1]);
    if (!high || !low) break;
    value.push_back(static_cast<std::byte>(*high * 16 + *low));
  }
  if (2 * value.size() == digits.size()) return {};
  cursor = before;
  return cursor.Unexpected("bytes of two digits each, 0 to f");
}

Result<void> ParseValue(TextCursor& cursor, Unit& value) {
  value = {};
  MILLRACE_TRY_VOID(ParseValue(cursor, value.kind));
  const bool linear = value.kind == UnitKind::kVxm || value.kind == UnitKind::kC2c;
  if (!linear) MILLRACE_TRY_VOID(ParseValue(cursor, value.side));
  if (value.kind == UnitKind::kSxm) return {};
  return ParseValue(cursor, value.index);
}

Result<void> ParseValue(TextCursor& cursor, TensorPlace& value) {
  MILLRACE_TRY_VOID(cursor.Expect("{"));
  return ParseFields(cursor, "}", value);
}

}  // namespace millrace::isa

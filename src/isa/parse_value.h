// Reads the values of fields in the text form: one function a type.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "isa/fields.h"
#include "isa/text_cursor.h"

namespace millrace::isa {

Result<void> ParseValue(TextCursor& cursor, float& value);
Result<void> ParseValue(TextCursor& cursor, DType& value);
Result<void> ParseValue(TextCursor& cursor, Address& value);
Result<void> ParseValue(TextCursor& cursor, Condition& value);
Result<void> ParseValue(TextCursor& cursor, StreamGroup& value);
Result<void> ParseValue(TextCursor& cursor, std::optional<Operand>& value);
Result<void> ParseValue(TextCursor& cursor, std::string& value);
Result<void> ParseValue(TextCursor& cursor, std::vector<std::int32_t>& value);
Result<void> ParseValue(TextCursor& cursor, std::vector<std::byte>& value);
Result<void> ParseValue(TextCursor& cursor, Unit& value);
Result<void> ParseValue(TextCursor& cursor, TensorPlace& value);

template <std::integral T>
Result<void> ParseValue(TextCursor& cursor, T& value) {
  MILLRACE_TRY(value, cursor.ParseNumber<T>());
  return {};
}

template <typename T>
requires std::is_enum_v<T> Result<void> ParseValue(TextCursor& cursor, T& value) {
  const TextCursor before = cursor;
  const std::string_view word = cursor.Word();
  for (std::size_t i = 0; i < kWords<T>.size(); ++i) {
    if (kWords<T>[i] != word) continue;
    value = static_cast<T>(i);
    return {};
  }
  cursor = before;
  return cursor.Unexpected(fmt::format("{}", fmt::join(kWords<T>, " or ")));
}

// One field of T by its name: true if there is one of that name.
template <typename T>
Result<bool> ParseField(TextCursor& cursor, std::string_view name, T& value) {
  Result<void> parsed;
  bool known = false;
  Form<T>::Fields([&](std::string_view field, auto member) {
    using Member = std::remove_cvref_t<decltype(value.*member)>;
    if (field != name || std::is_same_v<Member, VxmOp>) return;
    known = true;
    if constexpr (std::is_same_v<Member, bool>) {
      value.*member = true;
    } else {
      parsed = ParseValue(cursor, value.*member);
    }
  });
  if (!parsed.ok()) return parsed.error();
  return known;
}

// "name value, name value" up to `end`, or the end of the line; nothing is named twice.
template <typename T>
Result<void> ParseFields(TextCursor& cursor, std::string_view end, T& value) {
  std::vector<std::string_view> seen;
  const auto at_end = [&] { return end.empty() ? cursor.AtEnd() : cursor.Take(end); };
  while (!at_end()) {
    if (!seen.empty()) MILLRACE_TRY_VOID(cursor.Expect(","));
    const TextCursor before = cursor;
    const std::string_view name = cursor.Word();
    for (const std::string_view other : seen) {
      if (other != name) continue;
      cursor = before;
      return Invalid("found {} a second time, wanted it once", name);
    }
    seen.push_back(name);
    MILLRACE_TRY(const bool known, ParseField(cursor, name, value));
    if (known) continue;
    cursor = before;
    return cursor.Unexpected("the name of a field");
  }
  return {};
}

}  // namespace millrace::isa

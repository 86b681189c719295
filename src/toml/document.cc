#include "toml/document.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace {
namespace {

constexpr std::size_t kShownBytes = 40;

std::string Quoted(std::string_view text) {
  return fmt::format("'{}{}'", text.substr(0, kShownBytes), text.size() > kShownBytes ? "..." : "");
}

bool IsOneLine(std::string_view text) {
  return !text.empty() && text.find_first_of("\r\n") == std::string_view::npos;
}

}  // namespace

std::string Describe(const TomlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) return Quoted(*text);
  if (const auto* whole = std::get_if<std::int64_t>(&value.value)) return fmt::format("{}", *whole);
  if (const auto* real = std::get_if<double>(&value.value)) return fmt::format("{}", *real);
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "true" : "false";
  return std::holds_alternative<TomlValue::Array>(value.value) ? "an array" : "a table";
}

TomlTable::TomlTable(const TomlValue& table, std::string file)
    : members_(std::get_if<TomlValue::Table>(&table.value)), at_(table.at), file_(std::move(file)) {
  MILLRACE_CHECK(members_ != nullptr);
}

const TomlValue* TomlTable::Find(std::string_view key) const {
  const auto found = std::find_if(members_->begin(), members_->end(),
                                  [&](const TomlMember& member) { return member.key == key; });
  return found == members_->end() ? nullptr : &found->value;
}

TextPosition TomlTable::PositionOf(std::string_view key) const {
  const TomlValue* value = Find(key);
  return value == nullptr ? at_ : value->at;
}

Error TomlTable::Wrong(std::string_view key, std::string_view found,
                       std::string_view wanted) const {
  const TextPosition at = PositionOf(key);
  return Invalid("{}:{}:{}: {}: found {}, wanted {}", file_, at.line, at.column, key, found,
                 wanted);
}

Result<void> TomlTable::OnlyKeys(std::span<const std::string_view> known) const {
  for (const TomlMember& member : *members_) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
    const TextPosition at = member.value.at;
    return Invalid("{}:{}:{}: found key {}, wanted one of {}", file_, at.line, at.column,
                   Quoted(member.key), fmt::join(known, ", "));
  }
  return {};
}

Result<const TomlValue*> TomlTable::Get(std::string_view key, std::string_view wanted) const {
  const TomlValue* value = Find(key);
  if (value != nullptr) return value;
  return NotFound("{}:{}:{}: found no key {}, wanted {}", file_, at_.line, at_.column, key, wanted);
}

Result<std::string> TomlTable::Text(std::string_view key) const {
  constexpr std::string_view kWanted = "a text of one line";
  MILLRACE_TRY(const TomlValue* value, Get(key, kWanted));
  const auto* text = std::get_if<std::string>(&value->value);
  if (text == nullptr || !IsOneLine(*text)) return Wrong(key, Describe(*value), kWanted);
  return *text;
}

Result<std::string> TomlTable::Text(std::string_view key, std::string_view fallback) const {
  return Has(key) ? Text(key) : std::string(fallback);
}

Result<std::vector<std::string>> TomlTable::Texts(std::string_view key) const {
  constexpr std::string_view kWanted = "an array of texts of one line";
  std::vector<std::string> texts;
  const TomlValue* value = Find(key);
  if (value == nullptr) return texts;
  const auto* array = std::get_if<TomlValue::Array>(&value->value);
  if (array == nullptr) return Wrong(key, Describe(*value), kWanted);
  for (const TomlValue& element : *array) {
    const auto* text = std::get_if<std::string>(&element.value);
    if (text == nullptr || !IsOneLine(*text)) return Wrong(key, Describe(element), kWanted);
    texts.push_back(*text);
  }
  return texts;
}

Result<std::int64_t> TomlTable::Whole(std::string_view key, std::int64_t least,
                                      std::int64_t most) const {
  const std::string wanted = fmt::format("a whole number from {} to {}", least, most);
  MILLRACE_TRY(const TomlValue* value, Get(key, wanted));
  const auto* whole = std::get_if<std::int64_t>(&value->value);
  if (whole == nullptr || *whole < least || *whole > most)
    return Wrong(key, Describe(*value), wanted);
  return *whole;
}

Result<double> TomlTable::Real(std::string_view key, double least, double most) const {
  const std::string wanted = fmt::format("a number from {} to {}", least, most);
  MILLRACE_TRY(const TomlValue* value, Get(key, wanted));
  double number = std::numeric_limits<double>::quiet_NaN();
  if (const auto* real = std::get_if<double>(&value->value)) number = *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value->value))
    number = static_cast<double>(*whole);
  if (!(number >= least && number <= most)) return Wrong(key, Describe(*value), wanted);
  return number;
}

Result<bool> TomlTable::Flag(std::string_view key, bool fallback) const {
  const TomlValue* value = Find(key);
  if (value == nullptr) return fallback;
  const auto* flag = std::get_if<bool>(&value->value);
  if (flag == nullptr) return Wrong(key, Describe(*value), "true or false");
  return *flag;
}

Result<TomlTable> TomlTable::Table(std::string_view key) const {
  MILLRACE_TRY(const TomlValue* value, Get(key, "a table"));
  if (!std::holds_alternative<TomlValue::Table>(value->value))
    return Wrong(key, Describe(*value), "a table");
  return TomlTable(*value, file_);
}

Result<std::vector<TomlTable>> TomlTable::Tables(std::string_view key) const {
  constexpr std::string_view kWanted = "tables ([[...]])";
  std::vector<TomlTable> tables;
  const TomlValue* value = Find(key);
  if (value == nullptr) return tables;
  const auto* array = std::get_if<TomlValue::Array>(&value->value);
  if (array == nullptr) return Wrong(key, Describe(*value), kWanted);
  for (const TomlValue& element : *array) {
    if (!std::holds_alternative<TomlValue::Table>(element.value))
      return Wrong(key, Describe(element), kWanted);
    tables.emplace_back(element, file_);
  }
  return tables;
}

}  // namespace millrace

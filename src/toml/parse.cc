// The one place that knows toml++: its tree becomes ours, its exceptions end here.
#include <toml++/toml.h>

#include <new>
#include <optional>
#include <sstream>

#include "toml/document.h"

namespace millrace {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxLineBytes = 4096;

TextPosition At(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

Result<TomlValue> Copy(const toml::node& node, std::string_view file);

Result<TomlValue> CopyTable(const toml::table& table, std::string_view file) {
  TomlValue::Table members;
  for (const auto& [key, value] : table) {
    MILLRACE_TRY(TomlValue copy, Copy(value, file));
    copy.at = At(key.source());
    members.push_back({std::string(key.str()), std::move(copy)});
  }
  return TomlValue{std::move(members), At(table.source())};
}

Result<TomlValue> CopyArray(const toml::array& array, std::string_view file) {
  TomlValue::Array elements;
  for (const toml::node& element : array) {
    MILLRACE_TRY(TomlValue copy, Copy(element, file));
    elements.push_back(std::move(copy));
  }
  return TomlValue{std::move(elements), At(array.source())};
}

Result<TomlValue> Copy(const toml::node& node, std::string_view file) {
  const TextPosition at = At(node.source());
  if (const auto* table = node.as_table()) return CopyTable(*table, file);
  if (const auto* array = node.as_array()) return CopyArray(*array, file);
  if (const auto* text = node.as_string()) return TomlValue{text->get(), at};
  if (const auto* whole = node.as_integer()) return TomlValue{whole->get(), at};
  if (const auto* real = node.as_floating_point()) return TomlValue{real->get(), at};
  if (const auto* flag = node.as_boolean()) return TomlValue{flag->get(), at};
  return Invalid("{}:{}:{}: found a date or time, wanted a text or a number", file, at.line,
                 at.column);
}

// Line breaks in toml++'s messages become spaces.
std::string OneLine(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

std::optional<Error> CheckSize(std::string_view text, std::string_view file) {
  if (text.size() > kMaxBytes)
    return Invalid("{}: found {} bytes, wanted at most {}", file, text.size(), kMaxBytes);
  std::size_t line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kMaxLineBytes) {
      return Invalid("{}:{}:1: found a line of {} bytes, wanted at most {}", file, line,
                     end - begin, kMaxLineBytes);
    }
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace

Result<TomlValue> ParseToml(std::string_view text, std::string_view file) {
  if (const auto error = CheckSize(text, file)) return *error;
  try {
    return CopyTable(toml::parse(text), file);
  } catch (const toml::parse_error& error) {
    const TextPosition at = At(error.source());
    return Invalid("{}:{}:{}: found no TOML ({}), wanted a TOML file", file, at.line, at.column,
                   OneLine(error.description()));
  } catch (const std::bad_alloc&) {
    return Exhausted("{}: memory: the system refuses more", file);
  } catch (const std::exception& error) {
    return Invalid("{}: found no TOML ({}), wanted a TOML file", file, OneLine(error.what()));
  }
}

}  // namespace millrace

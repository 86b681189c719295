// A TOML file as a tree of values that know where they stand, read key by key with checks: every
// message begins with FILE:LINE:COLUMN and says what was found and what was wanted.
//
//     MILLRACE_TRY(const TomlValue file, ParseToml(text, "chip.toml"));
//     const TomlTable root(file, "chip.toml");
//     MILLRACE_TRY_VOID(root.OnlyKeys({"name", "clock_hz"}));
//     MILLRACE_TRY(const double clock_hz, root.Real("clock_hz", 1e6, 1e11));
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace millrace {

struct TextPosition {
  std::uint32_t line = 1, column = 1;
};

struct TomlMember;

struct TomlValue {
  using Array = std::vector<TomlValue>;
  using Table = std::vector<TomlMember>;  // by key, ascending; no key twice

  std::variant<std::string, std::int64_t, double, bool, Array, Table> value;
  TextPosition at;
};

struct TomlMember {
  std::string key;
  TomlValue value;
};

// kInvalid for what is no TOML, for dates, for more than 1 MiB and for lines of more than 4096
// bytes (which bounds how deep tables nest). The root is a table. `file` begins messages.
Result<TomlValue> ParseToml(std::string_view text, std::string_view file);

// A view of a table. kNotFound for a key that is missing, kInvalid for a value of another kind or
// out of its range.
class TomlTable {
 public:
  // `table` is a table, and outlives the view.
  TomlTable(const TomlValue& table, std::string file);

  const TextPosition& at() const { return at_; }
  std::span<const TomlMember> members() const { return *members_; }
  const TomlValue* Find(std::string_view key) const;  // null if it is missing
  bool Has(std::string_view key) const { return Find(key) != nullptr; }

  // kInvalid for a key that is none of these.
  Result<void> OnlyKeys(std::span<const std::string_view> known) const;
  Result<void> OnlyKeys(std::initializer_list<std::string_view> known) const {
    return OnlyKeys(std::span(known.begin(), known.size()));
  }

  Result<std::string> Text(std::string_view key) const;  // not empty, of one line
  Result<std::string> Text(std::string_view key, std::string_view fallback) const;
  Result<std::vector<std::string>> Texts(std::string_view key) const;  // empty if it is missing
  Result<std::int64_t> Whole(std::string_view key, std::int64_t least, std::int64_t most) const;
  Result<double> Real(std::string_view key, double least, double most) const;
  Result<bool> Flag(std::string_view key, bool fallback) const;
  Result<TomlTable> Table(std::string_view key) const;
  Result<std::vector<TomlTable>> Tables(std::string_view key) const;  // none if it is missing

  // Where the key stands, or the table if it has no such key.
  TextPosition PositionOf(std::string_view key) const;
  // "FILE:LINE:COLUMN: KEY: found FOUND, wanted WANTED".
  Error Wrong(std::string_view key, std::string_view found, std::string_view wanted) const;

 private:
  Result<const TomlValue*> Get(std::string_view key, std::string_view wanted) const;

  const TomlValue::Table* members_;
  TextPosition at_;
  std::string file_;
};

// A value as a message shows it: "'text'" (its beginning), "3", "an array".
std::string Describe(const TomlValue& value);

}  // namespace millrace

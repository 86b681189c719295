// JSON files of a model's directory (config.json and its like), read key by key with checks.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

// The object in a file. kNotFound or kIo if the file cannot be had, kInvalid if it is no JSON, no
// object, or nests deeper than a configuration does (64).
Result<nlohmann::json> LoadJson(const std::string& path);
// The same from a text; `name` begins messages.
Result<nlohmann::json> ParseHfJson(std::string_view text, std::string_view name);

// A view of an object; `where` (the file, the section) begins every message. A key whose value is
// null counts as missing, as in transformers.
class HfObject {
 public:
  // `object` outlives the view.
  HfObject(const nlohmann::json& object, std::string where)
      : object_(&object), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  const nlohmann::json* Find(std::string_view key) const;  // null if it is missing
  bool Has(std::string_view key) const { return Find(key) != nullptr; }

  // kNotFound if the key is missing and there is no fallback, kInvalid if the value is no integer
  // from 0 to 2^32 - 1, no number that a float holds, no true or false, no text.
  Result<std::uint32_t> Count(std::string_view key) const;
  Result<std::uint32_t> Count(std::string_view key, std::uint32_t fallback) const;
  Result<double> Number(std::string_view key) const;
  Result<double> Number(std::string_view key, double fallback) const;
  Result<bool> Flag(std::string_view key, bool fallback) const;
  Result<std::string> Text(std::string_view key) const;
  Result<std::string> Text(std::string_view key, std::string_view fallback) const;
  Result<std::vector<float>> Numbers(std::string_view key) const;

  // The object under a key; nothing if it is missing, kInvalid if it is no object.
  Result<std::optional<HfObject>> Section(std::string_view key) const;

 private:
  Result<const nlohmann::json*> Get(std::string_view key) const;
  Error Wrong(std::string_view key, std::string_view wanted) const;

  const nlohmann::json* object_;
  std::string where_;
};

}  // namespace millrace

// Fields of a JSON object, each with an error that says where it is, what was found and what was
// wanted.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// A view: the JSON value must outlive it.
class JsonFields {
 public:
  // `where` stands in front of every message: "tokenizer.json: model". kInvalid for another type.
  static Result<JsonFields> Of(const nlohmann::json& value, std::string where);

  const std::string& where() const { return where_; }

  // Whether the field is there and not null.
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  // The field, or nullptr if it is missing or null.
  const nlohmann::json* Find(std::string_view key) const;

  // kInvalid if the field is missing, null or of another type.
  Result<std::string> GetString(std::string_view key) const;
  Result<std::int64_t> GetInt(std::string_view key) const;
  Result<JsonFields> GetObject(std::string_view key) const;
  Result<const nlohmann::json*> GetArray(std::string_view key) const;

  // The same with a value for a field that is missing or null.
  Result<std::string> GetString(std::string_view key, std::string_view fallback) const;
  Result<bool> GetBool(std::string_view key, bool fallback) const;

 private:
  JsonFields(const nlohmann::json& value, std::string where)
      : value_(&value), where_(std::move(where)) {}

  Error Unexpected(std::string_view key, std::string_view wanted) const;

  const nlohmann::json* value_;
  std::string where_;
};

// The document in `bytes`. kInvalid if it is no JSON; the message begins with `name`.
Result<nlohmann::json> ParseJson(std::string_view bytes, std::string_view name);

}  // namespace millrace

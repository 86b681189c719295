#include "text/json_fields.h"

namespace millrace {

Result<JsonFields> JsonFields::Of(const nlohmann::json& value, std::string where) {
  if (!value.is_object()) return Invalid("{} is {}, wanted an object", where, value.type_name());
  return JsonFields(value, std::move(where));
}

const nlohmann::json* JsonFields::Find(std::string_view key) const {
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return nullptr;
  return &*found;
}

Error JsonFields::Unexpected(std::string_view key, std::string_view wanted) const {
  const nlohmann::json* const value = Find(key);
  if (value == nullptr) return Invalid("{}: no field \"{}\", wanted {}", where_, key, wanted);
  return Invalid("{}: \"{}\" is {}, wanted {}", where_, key, value->type_name(), wanted);
}

Result<std::string> JsonFields::GetString(std::string_view key) const {
  const nlohmann::json* const value = Find(key);
  if (value == nullptr || !value->is_string()) return Unexpected(key, "a string");
  return value->get_ref<const std::string&>();
}

Result<std::int64_t> JsonFields::GetInt(std::string_view key) const {
  const nlohmann::json* const value = Find(key);
  if (value == nullptr || !value->is_number_integer()) return Unexpected(key, "an integer");
  return value->get<std::int64_t>();
}

Result<JsonFields> JsonFields::GetObject(std::string_view key) const {
  const nlohmann::json* const value = Find(key);
  if (value == nullptr || !value->is_object()) return Unexpected(key, "an object");
  return JsonFields(*value, where_ + ": " + std::string(key));
}

Result<const nlohmann::json*> JsonFields::GetArray(std::string_view key) const {
  const nlohmann::json* const value = Find(key);
  if (value == nullptr || !value->is_array()) return Unexpected(key, "an array");
  return value;
}

Result<std::string> JsonFields::GetString(std::string_view key, std::string_view fallback) const {
  if (!Has(key)) return std::string(fallback);
  return GetString(key);
}

Result<bool> JsonFields::GetBool(std::string_view key, bool fallback) const {
  const nlohmann::json* const value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return Unexpected(key, "true or false");
  return value->get<bool>();
}

Result<nlohmann::json> ParseJson(std::string_view bytes, std::string_view name) {
  try {
    return nlohmann::json::parse(bytes.begin(), bytes.end());
  } catch (const nlohmann::json::exception& error) {
    std::string reason = error.what();
    for (char& c : reason) {
      if (c == '\n') c = ' ';
    }
    return Invalid("{}: {}", name, reason);
  }
}

}  // namespace millrace

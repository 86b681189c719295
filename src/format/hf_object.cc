#include "format/hf_object.h"

#include <cmath>
#include <limits>

#include "base/mapped_file.h"
#include "format/tensor_name.h"

namespace millrace {
namespace {

std::optional<double> AsNumber(const nlohmann::json& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!(std::abs(number) <= std::numeric_limits<float>::max())) return std::nullopt;
  return number;
}

}  // namespace

Result<nlohmann::json> LoadJson(const std::string& path) {
  MILLRACE_TRY(const MappedFile file, MappedFile::Open(path));
  const auto* begin = reinterpret_cast<const char*>(file.bytes().data());
  return ParseHfJson({begin, file.bytes().size()}, path);
}

Result<nlohmann::json> ParseHfJson(std::string_view text, std::string_view name) {
  constexpr int kMaxDepth = 64;
  bool too_deep = false;
  const auto look_at_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  auto json = nlohmann::json::parse(text.begin(), text.end(), look_at_depth,
                                    /*allow_exceptions=*/false);
  if (too_deep) return Invalid("{}: nests deeper than {}", name, kMaxDepth);
  if (json.is_discarded()) return Invalid("{}: is no JSON", name);
  if (!json.is_object()) return Invalid("{}: holds no object, wanted one", name);
  return json;
}

const nlohmann::json* HfObject::Find(std::string_view key) const {
  const auto found = object_->find(std::string(key));
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

Result<const nlohmann::json*> HfObject::Get(std::string_view key) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return NotFound("{}: key {} is missing", where_, key);
  return value;
}

Error HfObject::Wrong(std::string_view key, std::string_view wanted) const {
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  const nlohmann::json& value = *Find(key);
  const std::string found =
      value.is_structured() ? value.type_name() : value.dump(-1, ' ', true, kReplace);
  return Invalid("{}: key {} is {}, wanted {}", where_, key, Shown(found), wanted);
}

Result<std::uint32_t> HfObject::Count(std::string_view key) const {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  MILLRACE_TRY(const auto* value, Get(key));
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kMost) {
    return Wrong(key, "a whole number of 0 or more");
  }
  return value->get<std::uint32_t>();
}

Result<double> HfObject::Number(std::string_view key) const {
  MILLRACE_TRY(const auto* value, Get(key));
  const std::optional<double> number = AsNumber(*value);
  if (!number) return Wrong(key, "a number");
  return *number;
}

Result<bool> HfObject::Flag(std::string_view key, bool fallback) const {
  if (!Has(key)) return fallback;
  if (!Find(key)->is_boolean()) return Wrong(key, "true or false");
  return Find(key)->get<bool>();
}

Result<std::string> HfObject::Text(std::string_view key) const {
  MILLRACE_TRY(const auto* value, Get(key));
  if (!value->is_string()) return Wrong(key, "a text");
  return value->get<std::string>();
}

Result<std::vector<float>> HfObject::Numbers(std::string_view key) const {
  MILLRACE_TRY(const auto* value, Get(key));
  if (!value->is_array()) return Wrong(key, "an array of numbers");
  std::vector<float> numbers;
  for (const nlohmann::json& element : *value) {
    const std::optional<double> number = AsNumber(element);
    if (!number) return Wrong(key, "an array of numbers");
    numbers.push_back(static_cast<float>(*number));
  }
  return numbers;
}

Result<std::optional<HfObject>> HfObject::Section(std::string_view key) const {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return std::optional<HfObject>();
  if (!value->is_object()) return Wrong(key, "an object");
  return std::optional(HfObject(*value, fmt::format("{}: {}", where_, key)));
}

Result<std::uint32_t> HfObject::Count(std::string_view key, std::uint32_t fallback) const {
  return Has(key) ? Count(key) : Result<std::uint32_t>(fallback);
}
Result<double> HfObject::Number(std::string_view key, double fallback) const {
  return Has(key) ? Number(key) : Result<double>(fallback);
}
Result<std::string> HfObject::Text(std::string_view key, std::string_view fallback) const {
  return Has(key) ? Text(key) : Result<std::string>(std::string(fallback));
}

}  // namespace millrace

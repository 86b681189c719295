// The metadata keys of one architecture, read one by one with a check of what the value may be:
// "llama" and "block_count" make "llama.block_count".
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/gguf.h"

namespace millrace {

class ConfigKeys {
 public:
  static constexpr std::uint64_t kLargestCount = std::numeric_limits<std::int32_t>::max();

  // The checkpoint outlives the keys.
  ConfigKeys(const Checkpoint& checkpoint, std::string architecture)
      : checkpoint_(checkpoint), architecture_(std::move(architecture)) {}

  const std::string& file() const { return checkpoint_.name(); }
  std::string Full(std::string_view key) const { return fmt::format("{}.{}", architecture_, key); }
  bool Has(std::string_view key) const { return checkpoint_.Has(Full(key)); }

  // 1 to 2^31 - 1. kNotFound if it is missing, kInvalid if it is something else.
  Result<std::int64_t> Count(std::string_view key) const {
    MILLRACE_TRY(const std::uint64_t count, checkpoint_.GetUint(Full(key)));
    if (count < 1 || count > kLargestCount) return Impossible(key, count, "1 to 2147483647");
    return static_cast<std::int64_t>(count);
  }
  Result<std::int64_t> Count(std::string_view key, std::int64_t fallback) const {
    return Has(key) ? Count(key) : fallback;
  }
  // The same, where 0 says that there is none.
  Result<std::int64_t> CountOrNone(std::string_view key) const {
    MILLRACE_TRY(const std::uint64_t count, checkpoint_.GetUint(Full(key), 0));
    if (count > kLargestCount) return Impossible(key, count, "0 to 2147483647");
    return static_cast<std::int64_t>(count);
  }

  // A finite number above 0, or of 0 and above.
  Result<double> Positive(std::string_view key, double fallback) const {
    MILLRACE_TRY(const double value, checkpoint_.GetFloat(Full(key), fallback));
    if (!std::isfinite(value) || value <= 0) return Impossible(key, value, "a number above 0");
    return value;
  }
  Result<double> NotNegative(std::string_view key, double fallback) const {
    MILLRACE_TRY(const double value, checkpoint_.GetFloat(Full(key), fallback));
    if (!std::isfinite(value) || value < 0) return Impossible(key, value, "0 or more");
    return value;
  }
  Result<double> NotNegative(std::string_view key) const {
    MILLRACE_TRY(const double value, checkpoint_.GetFloat(Full(key)));
    if (!std::isfinite(value) || value < 0) return Impossible(key, value, "0 or more");
    return value;
  }

  Result<bool> Flag(std::string_view key) const { return checkpoint_.GetBool(Full(key), false); }
  Result<std::string_view> Text(std::string_view key, std::string_view fallback) const {
    return checkpoint_.GetString(Full(key), fallback);
  }

  // The elements of an array of truth values or of integers; empty if the key is missing or is no
  // array.
  std::vector<bool> Flags(std::string_view key) const {
    std::vector<bool> flags;
    const auto found = checkpoint_.metadata().find(Full(key));
    if (found == checkpoint_.metadata().end()) return flags;
    const auto* array = std::get_if<MetadataArray>(&found->second);
    if (array == nullptr) return flags;
    array->All([&](const MetadataScalar& scalar) {
      if (const auto* flag = std::get_if<bool>(&scalar)) flags.push_back(*flag);
      if (const auto* count = std::get_if<std::uint64_t>(&scalar)) flags.push_back(*count != 0);
      if (const auto* count = std::get_if<std::int64_t>(&scalar)) flags.push_back(*count != 0);
      return true;
    });
    return flags;
  }

  template <typename Value>
  Error Impossible(std::string_view key, const Value& value, std::string_view wanted) const {
    return Invalid("{}: metadata key {} is {}, wanted {}", file(), Full(key), value, wanted);
  }

 private:
  const Checkpoint& checkpoint_;
  std::string architecture_;
};

}  // namespace millrace

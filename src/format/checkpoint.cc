#include "format/checkpoint.h"

#include <functional>

#include <filesystem>
#include <limits>
#include <optional>

#include "format/gguf.h"
#include "format/gguf_split.h"
#include "format/hf_directory.h"

namespace millrace {

std::int64_t Tensor::rows() const {
  std::int64_t product = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) product *= shape[i];
  return product;
}

Result<Checkpoint> Checkpoint::Load(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return LoadHfDirectory(path);
  return LoadGgufFiles(path);
}

Result<Checkpoint> Checkpoint::Parse(std::span<const std::byte> bytes, std::string name) {
  return ParseGguf(bytes, std::move(name));
}

const Tensor* Checkpoint::Find(std::string_view tensor_name) const {
  const auto found = tensor_index_.find(tensor_name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

Result<const MetadataScalar*> Checkpoint::Scalar(std::string_view key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return NotFound("{}: metadata key {} is missing", name_, key);
  const auto* scalar = std::get_if<MetadataScalar>(&found->second);
  if (scalar == nullptr)
    return Invalid("{}: metadata key {} is an array, wanted one value", name_, key);
  return scalar;
}

Result<const MetadataArray*> Checkpoint::Array(std::string_view key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return NotFound("{}: metadata key {} is missing", name_, key);
  const auto* array = std::get_if<MetadataArray>(&found->second);
  if (array == nullptr)
    return Invalid("{}: metadata key {} is one value, wanted an array", name_, key);
  return array;
}

namespace {

std::optional<std::int64_t> AsInt(const MetadataScalar& scalar) {
  if (const auto* u = std::get_if<std::uint64_t>(&scalar)) {
    if (*u > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return std::nullopt;
    return static_cast<std::int64_t>(*u);
  }
  if (const auto* i = std::get_if<std::int64_t>(&scalar)) return *i;
  return std::nullopt;
}

std::optional<double> AsFloat(const MetadataScalar& scalar) {
  if (const auto* d = std::get_if<double>(&scalar)) return *d;
  if (const auto i = AsInt(scalar)) return static_cast<double>(*i);
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> Checkpoint::GetUint(std::string_view key) const {
  MILLRACE_TRY(const auto* scalar, Scalar(key));
  const auto value = AsInt(*scalar);
  if (!value || *value < 0)
    return Invalid("{}: metadata key {} is no non-negative integer", name_, key);
  return static_cast<std::uint64_t>(*value);
}

Result<double> Checkpoint::GetFloat(std::string_view key) const {
  MILLRACE_TRY(const auto* scalar, Scalar(key));
  const auto value = AsFloat(*scalar);
  if (!value) return Invalid("{}: metadata key {} is no number", name_, key);
  return *value;
}

Result<bool> Checkpoint::GetBool(std::string_view key) const {
  MILLRACE_TRY(const auto* scalar, Scalar(key));
  const auto* value = std::get_if<bool>(scalar);
  if (value == nullptr) return Invalid("{}: metadata key {} is no bool", name_, key);
  return *value;
}

Result<std::string_view> Checkpoint::GetString(std::string_view key) const {
  MILLRACE_TRY(const auto* scalar, Scalar(key));
  const auto* value = std::get_if<std::string_view>(scalar);
  if (value == nullptr) return Invalid("{}: metadata key {} is no string", name_, key);
  return *value;
}

Result<std::vector<std::string_view>> Checkpoint::GetStrings(std::string_view key) const {
  MILLRACE_TRY(const auto* array, Array(key));
  std::vector<std::string_view> values;
  values.reserve(array->size());
  const bool all = array->All([&](const MetadataScalar& scalar) {
    const auto* value = std::get_if<std::string_view>(&scalar);
    if (value != nullptr) values.push_back(*value);
    return value != nullptr;
  });
  if (!all) return Invalid("{}: metadata key {} is no array of strings", name_, key);
  return values;
}

Result<std::vector<float>> Checkpoint::GetFloats(std::string_view key) const {
  MILLRACE_TRY(const auto* array, Array(key));
  std::vector<float> values;
  values.reserve(array->size());
  const bool all = array->All([&](const MetadataScalar& scalar) {
    const auto value = AsFloat(scalar);
    if (value) values.push_back(static_cast<float>(*value));
    return value.has_value();
  });
  if (!all) return Invalid("{}: metadata key {} is no array of numbers", name_, key);
  return values;
}

Result<std::vector<std::int64_t>> Checkpoint::GetInts(std::string_view key) const {
  MILLRACE_TRY(const auto* array, Array(key));
  std::vector<std::int64_t> values;
  values.reserve(array->size());
  const bool all = array->All([&](const MetadataScalar& scalar) {
    const auto value = AsInt(scalar);
    if (value) values.push_back(*value);
    return value.has_value();
  });
  if (!all) return Invalid("{}: metadata key {} is no array of integers", name_, key);
  return values;
}

Result<std::uint64_t> Checkpoint::GetUint(std::string_view key, std::uint64_t fallback) const {
  return Has(key) ? GetUint(key) : Result<std::uint64_t>(fallback);
}
Result<double> Checkpoint::GetFloat(std::string_view key, double fallback) const {
  return Has(key) ? GetFloat(key) : Result<double>(fallback);
}
Result<bool> Checkpoint::GetBool(std::string_view key, bool fallback) const {
  return Has(key) ? GetBool(key) : Result<bool>(fallback);
}
Result<std::string_view> Checkpoint::GetString(std::string_view key,
                                               std::string_view fallback) const {
  return Has(key) ? GetString(key) : Result<std::string_view>(fallback);
}

void Checkpoint::Forget(std::span<const std::byte> part) const {
  const std::less_equal<const std::byte*> not_after;
  for (const MappedFile& file : files_) {
    const std::span<const std::byte> all = file.bytes();
    if (not_after(all.data(), part.data()) &&
        not_after(part.data() + part.size(), all.data() + all.size())) {
      file.Forget(part);
    }
  }
}

}  // namespace millrace

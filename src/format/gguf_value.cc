#include "format/gguf_value.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.h"

namespace millrace {
namespace {

// The scalar was widened from a T when it was read.
template <typename T>
T Narrow(const MetadataScalar& scalar) {
  if constexpr (std::is_same_v<T, bool>) {
    return std::get<bool>(scalar);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string(std::get<std::string_view>(scalar));
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(std::get<double>(scalar));
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(std::get<std::int64_t>(scalar));
  } else {
    return static_cast<T>(std::get<std::uint64_t>(scalar));
  }
}

template <typename T>
GgufValue Typed(const MetadataValue& value) {
  if (const auto* scalar = std::get_if<MetadataScalar>(&value)) return Narrow<T>(*scalar);
  const auto& array = std::get<MetadataArray>(value);
  std::vector<T> elements;
  elements.reserve(array.size());
  array.All([&](const MetadataScalar& scalar) {
    elements.push_back(Narrow<T>(scalar));
    return true;
  });
  return elements;
}

}  // namespace

GgufValue ToGgufValue(const MetadataValue& value) {
  switch (value.type) {
    case gguf::ValueType::kUint8:
      return Typed<std::uint8_t>(value);
    case gguf::ValueType::kInt8:
      return Typed<std::int8_t>(value);
    case gguf::ValueType::kUint16:
      return Typed<std::uint16_t>(value);
    case gguf::ValueType::kInt16:
      return Typed<std::int16_t>(value);
    case gguf::ValueType::kUint32:
      return Typed<std::uint32_t>(value);
    case gguf::ValueType::kInt32:
      return Typed<std::int32_t>(value);
    case gguf::ValueType::kFloat32:
      return Typed<float>(value);
    case gguf::ValueType::kBool:
      return Typed<bool>(value);
    case gguf::ValueType::kString:
      return Typed<std::string>(value);
    case gguf::ValueType::kUint64:
      return Typed<std::uint64_t>(value);
    case gguf::ValueType::kInt64:
      return Typed<std::int64_t>(value);
    case gguf::ValueType::kFloat64:
      return Typed<double>(value);
    case gguf::ValueType::kArray:
      break;
  }
  MILLRACE_CHECK(false);
  return {};
}

}  // namespace millrace

#include "format/metadata.h"

#include <cstring>

#include "base/check.h"

namespace millrace {
namespace {

template <typename T>
T Take(const std::byte*& at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  at += sizeof(value);
  return value;
}

template <typename T>
MetadataScalar Unsigned(const std::byte*& at) {
  return std::uint64_t{Take<T>(at)};
}

template <typename T>
MetadataScalar Signed(const std::byte*& at) {
  return std::int64_t{Take<T>(at)};
}

MetadataScalar Text(const std::byte*& at) {
  const auto size = Take<std::uint64_t>(at);
  const auto* first = reinterpret_cast<const char*>(at);
  at += size;
  return std::string_view(first, size);
}

}  // namespace

MetadataScalar DecodeScalar(gguf::ValueType type, const std::byte*& at) {
  switch (type) {
    case gguf::ValueType::kUint8:
      return Unsigned<std::uint8_t>(at);
    case gguf::ValueType::kInt8:
      return Signed<std::int8_t>(at);
    case gguf::ValueType::kUint16:
      return Unsigned<std::uint16_t>(at);
    case gguf::ValueType::kInt16:
      return Signed<std::int16_t>(at);
    case gguf::ValueType::kUint32:
      return Unsigned<std::uint32_t>(at);
    case gguf::ValueType::kInt32:
      return Signed<std::int32_t>(at);
    case gguf::ValueType::kUint64:
      return Unsigned<std::uint64_t>(at);
    case gguf::ValueType::kInt64:
      return Signed<std::int64_t>(at);
    case gguf::ValueType::kFloat32:
      return double{Take<float>(at)};
    case gguf::ValueType::kFloat64:
      return Take<double>(at);
    case gguf::ValueType::kBool:
      return Take<std::uint8_t>(at) != 0;
    case gguf::ValueType::kString:
      return Text(at);
    case gguf::ValueType::kArray:
      break;
  }
  MILLRACE_CHECK(false);
  return {};
}

}  // namespace millrace

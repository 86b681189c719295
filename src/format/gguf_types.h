// The numbers of GGUF (docs/gguf.md) that reader and writer share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "numerics/dtype.h"

namespace millrace::gguf {

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr std::uint32_t kVersion = 3;  // as written; 2 is read too
inline constexpr std::uint64_t kDefaultAlignment = 32;
inline constexpr std::uint64_t kMinAlignment = 8;  // so that numbers lie aligned in a mapped file
inline constexpr std::uint64_t kMaxAlignment = 1u << 20;
inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::size_t kMaxKeyBytes = 65535;
inline constexpr std::size_t kMaxTensorNameBytes = 1024;
inline constexpr std::size_t kMaxDimensions = 4;
inline constexpr std::uint64_t kMaxExtent = std::uint64_t{1} << 40;  // of one dimension

// Names of keys and tensors hold none of these: they are printed, a line each.
inline bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// The types of metadata values, by their numbers.
enum class ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

// The number of a tensor type, and the name that ggml gives to a number: empty if it has none, or
// had one and removed it.
std::uint32_t TypeNumber(DType dtype);
std::string_view TypeName(std::uint32_t number);

}  // namespace millrace::gguf

// The element types that a tensor in a file may have, and how many bytes their rows take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

enum class DType {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_K,
  kQ6_K,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ5_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kQ2_K,
  kQ3_K
};

inline constexpr DType kAllDTypes[] = {DType::kF32,    DType::kF16,   DType::kBF16, DType::kQ8_0,
                                       DType::kQ4_0,   DType::kQ4_K,  DType::kQ6_K, DType::kQ4_1,
                                       DType::kQ5_0,   DType::kQ5_1,  DType::kQ5_K, DType::kIQ4_NL,
                                       DType::kIQ4_XS, DType::kMXFP4, DType::kQ2_K, DType::kQ3_K};

// Elements of one block: 1 for the float types, 32 or 256 for the quantised ones. A row is a whole
// number of blocks.
std::size_t BlockElements(DType dtype);
// Bytes of one block in a GGUF file.
std::size_t BlockBytes(DType dtype);
// Bytes of a row of `elements`, which must be a multiple of BlockElements.
std::size_t RowBytes(DType dtype, std::size_t elements);
bool IsQuantised(DType dtype);

std::string_view Name(DType dtype);  // "Q8_0", as GGUF tools print it
std::optional<DType> ParseDType(std::string_view name);

}  // namespace millrace

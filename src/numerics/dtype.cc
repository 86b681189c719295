#include "numerics/dtype.h"

#include "base/check.h"
#include "numerics/blocks.h"

namespace millrace {

std::size_t BlockElements(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return 1;
    case DType::kQ8_0:
    case DType::kQ4_0:
      return 32;
    case DType::kQ4_K:
    case DType::kQ6_K:
      return 256;
  }
  MILLRACE_CHECK(false);
  return 0;
}

std::size_t BlockBytes(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
      return 2;
    case DType::kQ8_0:
      return sizeof(BlockQ8_0);
    case DType::kQ4_0:
      return sizeof(BlockQ4_0);
    case DType::kQ4_K:
      return sizeof(BlockQ4_K);
    case DType::kQ6_K:
      return sizeof(BlockQ6_K);
  }
  MILLRACE_CHECK(false);
  return 0;
}

std::size_t RowBytes(DType dtype, std::size_t elements) {
  MILLRACE_CHECK(elements % BlockElements(dtype) == 0);
  return elements / BlockElements(dtype) * BlockBytes(dtype);
}

bool IsQuantised(DType dtype) { return BlockElements(dtype) > 1; }

std::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kQ8_0:
      return "Q8_0";
    case DType::kQ4_0:
      return "Q4_0";
    case DType::kQ4_K:
      return "Q4_K";
    case DType::kQ6_K:
      return "Q6_K";
  }
  MILLRACE_CHECK(false);
  return "";
}

std::optional<DType> ParseDType(std::string_view name) {
  for (const DType dtype : kAllDTypes) {
    if (Name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

}  // namespace millrace

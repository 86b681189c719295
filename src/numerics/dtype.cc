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
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kIQ4_NL:
    case DType::kMXFP4:
      return 32;
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kIQ4_XS:
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
    case DType::kQ4_1:
      return sizeof(BlockQ4_1);
    case DType::kQ5_0:
      return sizeof(BlockQ5_0);
    case DType::kQ5_1:
      return sizeof(BlockQ5_1);
    case DType::kQ5_K:
      return sizeof(BlockQ5_K);
    case DType::kIQ4_NL:
      return sizeof(BlockIQ4_NL);
    case DType::kIQ4_XS:
      return sizeof(BlockIQ4_XS);
    case DType::kMXFP4:
      return sizeof(BlockMXFP4);
    case DType::kQ2_K:
      return sizeof(BlockQ2_K);
    case DType::kQ3_K:
      return sizeof(BlockQ3_K);
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
    case DType::kQ4_1:
      return "Q4_1";
    case DType::kQ5_0:
      return "Q5_0";
    case DType::kQ5_1:
      return "Q5_1";
    case DType::kQ5_K:
      return "Q5_K";
    case DType::kIQ4_NL:
      return "IQ4_NL";
    case DType::kIQ4_XS:
      return "IQ4_XS";
    case DType::kMXFP4:
      return "MXFP4";
    case DType::kQ2_K:
      return "Q2_K";
    case DType::kQ3_K:
      return "Q3_K";
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

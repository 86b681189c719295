#include "format/hf_changes.h"

#include <cstring>

#include "numerics/half.h"

namespace millrace {
namespace {

// 1 + each element, in the type of the tensor.
void AddOneTo(DType dtype, std::span<std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (dtype == DType::kF32) {
      float value;
      std::memcpy(&value, &bytes[at], sizeof(value));
      value += 1;
      std::memcpy(&bytes[at], &value, sizeof(value));
      at += sizeof(value);
    } else {
      Half value;
      std::memcpy(&value, &bytes[at], sizeof(value));
      value = FloatToHalf(HalfToFloat(value) + 1);
      std::memcpy(&bytes[at], &value, sizeof(value));
      at += sizeof(value);
    }
  }
}

// F32 elements of a bfloat16 tensor.
std::span<std::byte> Widen(HfConversion& conversion, std::span<const std::byte> bytes) {
  const std::span<std::byte> wide = conversion.Allocate(2 * bytes.size());
  for (std::size_t i = 0; i < bytes.size() / 2; ++i) {
    BFloat narrow;
    std::memcpy(&narrow, &bytes[2 * i], sizeof(narrow));
    const float value = BFloatToFloat(narrow);
    std::memcpy(&wide[4 * i], &value, sizeof(value));
  }
  return wide;
}

// Row 2 i + j of a head is its row i + j * half.
Result<void> PairRows(HfConversion& conversion, const HfSource& source, std::uint32_t heads) {
  const SafetensorsTensor& tensor = source.tensor;
  MILLRACE_TRY(const DType dtype, FloatType(conversion, tensor));
  const auto rows = tensor.shape.empty() ? 0 : static_cast<std::size_t>(tensor.shape[0]);
  if (rows == 0 || rows % (2 * std::size_t{heads}) != 0) {
    return Invalid("{}: tensor {} has {} rows, wanted a multiple of 2 for each of {} heads",
                   conversion.name(), tensor.name, rows, heads);
  }
  const std::size_t row_bytes = tensor.bytes.size() / rows;
  const std::size_t half = rows / heads / 2;
  const std::span<std::byte> paired = conversion.Allocate(tensor.bytes.size());
  for (std::size_t to = 0; to < rows; ++to) {
    const std::size_t head = to / (2 * half), in_head = to % (2 * half);
    const std::size_t from = head * 2 * half + in_head / 2 + in_head % 2 * half;
    if (row_bytes == 0) continue;
    std::memcpy(&paired[to * row_bytes], &tensor.bytes[from * row_bytes], row_bytes);
  }
  return conversion.Add(source.target, dtype, tensor.shape, paired);
}

}  // namespace

Result<DType> FloatType(const HfConversion& conversion, const SafetensorsTensor& tensor) {
  if (tensor.dtype) return *tensor.dtype;
  return Unsupported("{}: tensor {} has type {}, supported: F32, F16, BF16", conversion.name(),
                     tensor.name, tensor.type);
}

Result<void> CheckDimensions(const HfConversion& conversion, const SafetensorsTensor& tensor,
                             std::size_t dimensions) {
  if (tensor.shape.size() == dimensions) return {};
  return Invalid("{}: tensor {} has {} dimensions, wanted {}", conversion.name(), tensor.name,
                 tensor.shape.size(), dimensions);
}

Result<void> Keep(HfConversion& conversion, const HfSource& source) {
  MILLRACE_TRY(const DType dtype, FloatType(conversion, source.tensor));
  return conversion.Add(source.target, dtype, source.tensor.shape, source.tensor.bytes);
}

Result<void> Skip(HfConversion&, const HfSource&) { return {}; }

Result<void> AddOne(HfConversion& conversion, const HfSource& source) {
  MILLRACE_TRY(DType dtype, FloatType(conversion, source.tensor));
  std::span<const std::byte> bytes = source.tensor.bytes;
  std::span<std::byte> made;
  if (dtype == DType::kBF16) {
    made = Widen(conversion, bytes);
    dtype = DType::kF32;
  } else {
    made = conversion.Allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), made.begin());
  }
  AddOneTo(dtype, made);
  return conversion.Add(source.target, dtype, source.tensor.shape, made);
}

Result<void> PairQueryRows(HfConversion& conversion, const HfSource& source) {
  return PairRows(conversion, source, conversion.sizes().heads);
}

Result<void> PairKeyRows(HfConversion& conversion, const HfSource& source) {
  return PairRows(conversion, source, conversion.sizes().kv_heads);
}

Result<void> StackExperts(HfConversion& conversion, const HfSource& source) {
  return conversion.AddPart(source.target, source.expert, conversion.sizes().experts,
                            source.tensor);
}

Result<void> SplitGateUp(HfConversion& conversion, const HfSource& source) {
  const SafetensorsTensor& tensor = source.tensor;
  MILLRACE_TRY(const DType dtype, FloatType(conversion, tensor));
  MILLRACE_TRY_VOID(CheckDimensions(conversion, tensor, 3));
  const auto experts = static_cast<std::size_t>(tensor.shape[0]);
  if (experts == 0 || tensor.shape[1] % 2 != 0) {
    return Invalid("{}: tensor {} has {} rows for {} experts, wanted an even number",
                   conversion.name(), tensor.name, tensor.shape[1], experts);
  }
  const std::vector<std::int64_t> shape = {tensor.shape[0], tensor.shape[1] / 2, tensor.shape[2]};
  const std::size_t part_bytes = tensor.bytes.size() / experts / 2;
  for (const std::size_t part : {std::size_t{0}, std::size_t{1}}) {
    const std::span<std::byte> made = conversion.Allocate(experts * part_bytes);
    for (std::size_t expert = 0; expert < experts; ++expert) {
      const auto from = tensor.bytes.subspan((2 * expert + part) * part_bytes, part_bytes);
      std::copy(from.begin(), from.end(),
                made.begin() + static_cast<std::ptrdiff_t>(expert * part_bytes));
    }
    const char* ending = part == 0 ? ".ffn_gate_exps.weight" : ".ffn_up_exps.weight";
    MILLRACE_TRY_VOID(conversion.Add(source.layer + ending, dtype, shape, made));
  }
  return {};
}

}  // namespace millrace

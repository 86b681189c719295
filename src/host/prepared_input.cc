#include "host/prepared_input.h"

#include <cstring>

#include "base/check.h"

namespace millrace {

void InputForms::Add(DType weights) {
  switch (weights) {
    case DType::kF32:
      plain = true;
      return;
    case DType::kF16:
      half = true;
      return;
    case DType::kBF16:
      bfloat = true;
      return;
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_K:
    case DType::kQ6_K:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ5_K:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
    case DType::kMXFP4:
    case DType::kQ2_K:
    case DType::kQ3_K:
      blocks = true;
      return;
  }
}

void InputForms::Add(InputForms other) {
  blocks |= other.blocks;
  plain |= other.plain;
  half |= other.half;
  bfloat |= other.bfloat;
}

PreparedInput::PreparedInput(InputForms forms, std::size_t rows, std::size_t columns,
                             Placement& placement)
    : columns_(columns) {
  if (forms.blocks) blocks_ = placement.Take<ActivationBlock>(rows * (columns / kActivationBlock));
  if (forms.plain) plain_ = placement.Take<float>(rows * columns);
  if (forms.half) half_ = placement.Take<float>(rows * columns);
  if (forms.bfloat) bfloat_ = placement.Take<float>(rows * columns);
}

void PreparedInput::Prepare(const KernelTable& kernels, const float* x, std::size_t row,
                            std::size_t begin, std::size_t count) {
  const std::size_t at = row * columns_ + begin;
  if (blocks_ != nullptr) {
    MILLRACE_CHECK(begin % kActivationBlock == 0 && count % kActivationBlock == 0);
    kernels.quantise(x, count, blocks_ + at / kActivationBlock);
  }
  if (plain_ != nullptr) std::memcpy(plain_ + at, x, count * sizeof(float));
  if (half_ != nullptr) kernels.round_half(x, count, half_ + at);
  if (bfloat_ != nullptr) kernels.round_bfloat(x, count, bfloat_ + at);
}

void PreparedInput::CopyRow(const PreparedInput& from, std::size_t from_row, std::size_t row) {
  const auto copy = [&](auto* to, const auto* source, std::size_t width) {
    if (to != nullptr)
      std::memcpy(to + row * width, source + from_row * width, width * sizeof(*to));
  };
  copy(blocks_, from.blocks_, columns_ / kActivationBlock);
  copy(plain_, from.plain_, columns_);
  copy(half_, from.half_, columns_);
  copy(bfloat_, from.bfloat_, columns_);
}

LinearInput PreparedInput::For(DType weights, std::size_t row) const {
  const float* values = weights == DType::kF32 ? plain_ : weights == DType::kF16 ? half_ : bfloat_;
  if (IsQuantised(weights)) {
    const std::size_t stride = columns_ / kActivationBlock;
    return {.blocks = blocks_ + row * stride,
            .block_stride = stride,
            .values = nullptr,
            .value_stride = 0};
  }
  return {.blocks = nullptr,
          .block_stride = 0,
          .values = values + row * columns_,
          .value_stride = columns_};
}

}  // namespace millrace

// Rows of activations in the forms that the linear operations reading them need: 8-bit blocks, or
// rounded floats.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/kernel_table.h"
#include "numerics/dtype.h"

namespace millrace {

// Hands out pieces of an arena in order. With no base it only counts, so that one layout function
// measures and places.
class Placement {
 public:
  explicit Placement(std::byte* base) : base_(base) {}

  // `count` elements aligned to 64 bytes; null while counting.
  template <typename T>
  T* Take(std::size_t count) {
    const std::size_t at = size_bytes_;
    size_bytes_ += (count * sizeof(T) + 63) / 64 * 64;
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* base_;
  std::size_t size_bytes_ = 0;
};

// Which forms a set of weights reads.
struct InputForms {
  bool blocks = false, plain = false, half = false, bfloat = false;
  void Add(DType weights);
  void Add(InputForms other);
};

class PreparedInput {
 public:
  PreparedInput() = default;
  // Room for `rows` rows of `columns`, taken from `placement`.
  PreparedInput(InputForms forms, std::size_t rows, std::size_t columns, Placement& placement);

  // Converts columns [begin, begin + count) of a row; x points at the first of them. begin is a
  // multiple of 32, count too where blocks are made. Different threads may prepare different parts.
  void Prepare(const KernelTable& kernels, const float* x, std::size_t row, std::size_t begin,
               std::size_t count);
  void Prepare(const KernelTable& kernels, const float* x, std::size_t row) {
    Prepare(kernels, x, row, 0, columns_);
  }

  // Makes `row` a copy of a row of `from`, which has the same columns and forms.
  void CopyRow(const PreparedInput& from, std::size_t from_row, std::size_t row);

  // The rows from `row` on, as weights of this type read them.
  LinearInput For(DType weights, std::size_t row = 0) const;

 private:
  std::size_t columns_ = 0;
  ActivationBlock* blocks_ = nullptr;
  float* plain_ = nullptr;
  float* half_ = nullptr;
  float* bfloat_ = nullptr;
};

}  // namespace millrace

// The operations of StepVxm by kind (vxm_work.h), each as the contract's plain reference has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "sim/vxm_work.h"

namespace millrace::sim {

// One step of an operation on n elements.
struct VxmStep {
  VxmWork& work;
  std::int64_t step = 0;
  std::size_t n = 0;            // elements that count
  std::span<const float> a, b;  // at least n, where the operation has them
  std::span<std::byte> out;     // zeros
};

inline void StoreFloats(std::span<const float> values, std::span<std::byte> out) {
  std::memcpy(out.data(), values.data(), values.size_bytes());
}

// kSoftmaxStep: the positions of the block that the row's query sees, as [begin, end) within the
// block.
struct Visible {
  std::size_t begin = 0, end = 0;
};
Visible VisibleOf(const VxmWork& work);

void StepElementwise(const VxmStep& step);  // kCopy .. kScaledAdd, kNormalise, kMultiplyRuns
void StepConversion(const VxmStep& step);   // kQuantise, kToF16, kToBF16
void StepRope(const VxmStep& step);
void StepSoftmax(const VxmStep& step);  // kSoftmaxBegin, kSoftmaxStep
void StepDot(const VxmStep& step);

void FinishSumSquares(VxmWork& work);
void FinishRoute(VxmWork& work);

}  // namespace millrace::sim

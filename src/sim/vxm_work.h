// What one VXM instruction computes: step by step in the arithmetic of docs/numerics.md, apart from
// when it does.
//
// An instruction reads its states when it is issued (the caller fills `states` and `sums`), takes
// the operands of each step in order, and has the new states when its last step is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "isa/instruction.h"
#include "machine/chip.h"

namespace millrace::sim {

// States [slot, slot + count) that an instruction uses.
struct StateRange {
  std::int32_t slot = 0, count = 0;
  bool reads = false, writes = false;
};
// Those at Vxm::slot, and those at Vxm::sum_slot.
StateRange StatesOf(const isa::Vxm& vxm);
StateRange SumsOf(const isa::Vxm& vxm);

struct VxmWork {
  const isa::Vxm* vxm = nullptr;
  std::int32_t vector_bytes = 0;
  StateRange states_at = {}, sums_at = {};    // StatesOf, SumsOf
  std::vector<float> states = {}, sums = {};  // [count] of these
  // kSoftmaxStep: the query's position, the first position of the block of scores, and whether this
  // is the first block.
  std::int64_t position = 0, first_position = 0;
  bool first = false;
  std::vector<float> collected = {}, collected_b = {};  // what is needed when the last step is done
  std::vector<std::int32_t> chosen = {};                // kRoute: experts, ascending
};

// An instruction without states yet.
VxmWork BeginVxm(const Chip& chip, const isa::Vxm& vxm);

// a, b: the binary32 of the operand's group (empty without the operand). out: the bytes of the
// result's group, zeros, filled where this step has a result.
void StepVxm(VxmWork& work, std::int64_t step, std::span<const float> a, std::span<const float> b,
             std::span<std::byte> out);

// After the last step: states, sums and chosen are what the instruction leaves.
void FinishVxm(VxmWork& work);

// Elements that count in a step.
std::size_t StepElements(const isa::Vxm& vxm, std::int64_t step);

// Vectors of the result's group that a step drives, from the first on.
std::size_t ResultVectors(const Chip& chip, const isa::Vxm& vxm, std::int64_t step);

}  // namespace millrace::sim

// What an instruction takes from streams and drives onto them: docs/isa.md, "Streams".
#pragma once

#include <cstdint>
#include <vector>

#include "isa/expand.h"

namespace millrace::isa {

// Step i is on cycle + i * interval, at `position` of the stream.
struct StreamUse {
  enum class Kind : std::uint8_t {
    kDrive,  // a vector enters
    kRead,   // a vector must be there; it passes on
    kTake,   // a vector must be there; it goes no further
  };
  Kind kind = Kind::kDrive;
  Hemisphere side = Hemisphere::kWest;
  Flow flow = Flow::kInward;
  std::int32_t stream = 0;
  std::int32_t position = 0;
  std::int64_t cycle = 0;
  Steps steps;
};

// Appends the uses of `issue`. Only vectors with elements that count are read and driven.
void StreamUses(const Chip& chip, const Issue& issue, std::vector<StreamUse>& uses);

// Vectors that `elements` of `element_bytes` fill.
std::int32_t Vectors(const Chip& chip, std::int64_t elements, std::int32_t element_bytes);

// What a step of a VXM instruction has in one group.
struct StepShape {
  std::int32_t vectors = 0;  // of a full step
  // Vector v is there in the steps with elements from v * this on; 0: in all steps.
  std::int32_t elements_per_vector = 0;
};
StepShape ShapeOfA(const Chip& chip, const Vxm& vxm);
StepShape ShapeOfB(const Chip& chip, const Vxm& vxm);
StepShape ShapeOfResult(const Chip& chip, const Vxm& vxm);

// In how many steps, from the first, `vector` of the group is there.
std::int64_t StepsWith(const Vxm& vxm, const StepShape& shape, std::int32_t vector);

}  // namespace millrace::isa

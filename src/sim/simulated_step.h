// What a simulated step takes and gives: the same for both simulators.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isa/fault.h"

namespace millrace::sim {

struct StepInputs {
  std::span<const std::int32_t> positions;          // [rows] of the program, below its context
  std::span<const std::span<const float>> tensors;  // [inputs of the program], each as it says
};

struct SimulatedStep {
  std::optional<isa::Fault> fault;  // the first rule that was broken; nothing else holds then
  std::int64_t cycles = 0;
  std::span<const float> logits;  // [rows, vocabulary], valid until the next step
};

}  // namespace millrace::sim

// Everything that one chip holds while a program runs.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "isa/program.h"
#include "machine/system.h"
#include "sim/plane.h"
#include "sim/slice_memory.h"
#include "sim/stream_file.h"

namespace millrace::sim {

inline constexpr std::int64_t kNotYet = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kLongAgo = -1;

// The ports of a slice, by the last cycle on which each was used, and the bank it used.
struct SlicePorts {
  std::int64_t read_cycle = kLongAgo, write_cycle = kLongAgo;
  std::int64_t read_bank = 0, write_bank = 0;
};

// When a unit takes its next instruction. A plane has a port each for loads, passes and emits, a
// link one each for sending and receiving.
struct UnitQueue {
  std::int64_t issued = kLongAgo;
  std::int64_t free[3] = {0, 0, 0};
};

struct Scalar {
  float value = 0;
  std::int64_t ready = kNotYet;  // the first cycle of an instruction that reads it
};
struct Register {
  std::int64_t value = 0;
  std::int64_t ready = 0;
};

struct ChipState {
  explicit ChipState(const Chip& chip);

  // As a chip is when a step begins: only SRAM stays.
  void Reset(const Chip& chip, const isa::Program& program,
             std::span<const std::int64_t> launch_registers);

  StreamFile streams;
  std::vector<SliceMemory> memory;  // [2 hemispheres * per_hemisphere]
  std::vector<SlicePorts> ports;    // the same
  std::vector<Plane> planes;        // [2 * planes_per_hemisphere]
  std::vector<UnitQueue> queues;    // by UnitNumber
  std::vector<Scalar> states;
  std::vector<Register> registers;
};

// Units of a chip numbered from 0; slices first, in the order of ChipState::memory.
std::size_t UnitNumber(const Chip& chip, const isa::Unit& unit);
std::size_t UnitCount(const Chip& chip);

// A vector on a link.
struct Arrival {
  std::int64_t cycle = 0;
  std::vector<std::byte> vector;
};

// All chips, and what is on the links between them.
struct SystemState {
  SystemState(const isa::Program& program, const System& system);

  // Puts values at a place, readable from cycle 0 on.
  void WriteTensor(const isa::TensorPlace& place, std::span<const float> values);
  // Elements [first, first + out.size()) of the tensor at a place; false if one of its words cannot
  // be read on `cycle`.
  bool ReadTensor(const isa::TensorPlace& place, std::int64_t first, std::int64_t cycle,
                  std::span<float> out) const;
  // The same, whenever it was written.
  void CopyTensor(const isa::TensorPlace& place, std::int64_t first, std::span<float> out);

  const isa::Program* program;
  const System* system;
  std::vector<ChipState> chips;
  std::vector<std::vector<Arrival>> arrivals;  // [chips * links], by the receiving end

  std::vector<Arrival>& arrivals_of(std::int32_t chip, std::int32_t link) {
    return arrivals[static_cast<std::size_t>(chip * system->chip.links.count + link)];
  }
};

}  // namespace millrace::sim

// The energy of a launch, as far as the machine's file has figures: SRAM words, products, vectors
// over links, and idle power over the time. A figure that does not exist counts nothing, so this is
// a lower bound.
#pragma once

#include <cstdint>
#include <span>

#include "isa/program.h"
#include "machine/system.h"

namespace millrace::sim {

// What all chips together do in one launch.
struct LaunchWork {
  std::int64_t sram_words = 0;  // read or written
  std::int64_t int8_products = 0, float_products = 0;
  std::int64_t link_vectors = 0;
};
// registers: of isa::RegistersAt.
LaunchWork WorkOf(const isa::Program& program, std::span<const std::int64_t> registers);

// Joules; 0 where there is no figure at all.
double EnergyOf(const isa::Program& program, const System& system,
                std::span<const std::int64_t> registers);

}  // namespace millrace::sim

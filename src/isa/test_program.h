// For tests: a chip that fits in the head, and programs of a few instructions.
//
//     position   0       1        2   ...      8           9
//               VXM   mem 0, 1   2, 3        14, 15    edge: SXM, one MXM plane, C2C
//
// read latency 2, write 3, SXM 3, install 2, pass 5 + 1 a link of the chain, emit 2; an ALU takes 2
// cycles, a division 6. A word has 64 bytes, a slice two banks of 32 words.
#pragma once

#include <algorithm>
#include <utility>

#include "isa/program.h"
#include "isa/verify.h"
#include "machine/system.h"

namespace millrace::isa {

inline Chip TinyChip() {
  Chip chip;
  chip.name = "tiny";
  chip.clock_hz = 1e9;
  chip.vector_bytes = 64;
  chip.superlane_bytes = 16;
  chip.streams = 8;
  chip.mem = {.per_hemisphere = 16,
              .words = 64,
              .banks = 2,
              .per_position = 2,
              .read_latency_cycles = 2,
              .write_latency_cycles = 3};
  chip.mxm = {.planes_per_hemisphere = 1,
              .rows = 64,
              .columns = 64,
              .install_streams = 4,
              .buffers = 2,
              .accumulators = 8,
              .install_latency_cycles = 2,
              .pass_latency_cycles = 5,
              .chain_cycles = 1,
              .emit_latency_cycles = 2,
              .float_interval_cycles = 2};
  chip.vxm = {.chains = 2,
              .alus_per_chain = 4,
              .alu_latency_cycles = 2,
              .divide_latency_cycles = 6,
              .fold_cycles = 1,
              .states = 8};
  chip.sxm.latency_cycles = 3;
  chip.links = {.count = 2, .vector_cycles = 2};
  return chip;
}

inline System TinySystem(std::int32_t chips = 1) {
  System system;
  system.name = "tiny";
  system.chip = TinyChip();
  if (chips > 1) {
    system.levels = {{.name = "node", .count = chips, .links_per_peer = 1, .latency_cycles = 11}};
  }
  return system;
}

inline Unit Mem(int slice, Hemisphere side = Hemisphere::kWest) {
  return {UnitKind::kMem, side, static_cast<std::uint16_t>(slice)};
}
inline Unit Mxm(Hemisphere side = Hemisphere::kWest) { return {UnitKind::kMxm, side, 0}; }
inline Unit Chain(int chain) {
  return {UnitKind::kVxm, Hemisphere::kWest, static_cast<std::uint16_t>(chain)};
}
inline Unit Sxm(Hemisphere side = Hemisphere::kWest) { return {UnitKind::kSxm, side, 0}; }
inline Unit Link(int link) {
  return {UnitKind::kC2c, Hemisphere::kWest, static_cast<std::uint16_t>(link)};
}
inline Address Word(std::int32_t word) { return {.base = word}; }

// One section of `length` cycles in which every chip runs its own block. All slices hold zeros in
// words 0 to 15 of each bank from the start, and nothing above.
class TestProgram {
 public:
  explicit TestProgram(std::int32_t length = 200, std::int32_t chips = 1) {
    program_.model = "none";
    program_.machine = "tiny";
    program_.context = 4 * kKvBlock;
    program_.hidden = 16;
    program_.vocabulary = 16;
    program_.sections = {{.length_cycles = length, .name = "all"}};
    for (std::int32_t c = 0; c < chips; ++c) {
      program_.blocks.push_back({.name = "block"});
      program_.chips.push_back({.calls = {{.section = 0, .block = c, .relocations = {0}}}});
      for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
        for (int s = 0; s < 16; ++s) {
          for (const int word : {0, 32}) {
            program_.chips.back().image.push_back(
                {.slice = Mem(s, side), .word = word, .words = 16});
          }
        }
      }
    }
  }

  TestProgram& At(std::int32_t cycle, Unit unit, Action action, std::size_t chip = 0) {
    auto& instructions = program_.blocks[chip].instructions;
    const Instruction instruction{cycle, unit, std::move(action)};
    const auto after = [](const Instruction& a, const Instruction& b) {
      return std::pair(a.cycle, a.unit) < std::pair(b.cycle, b.unit);
    };
    instructions.insert(
        std::upper_bound(instructions.begin(), instructions.end(), instruction, after),
        instruction);
    return *this;
  }

  Program& program() { return program_; }

 private:
  Program program_;
};

}  // namespace millrace::isa

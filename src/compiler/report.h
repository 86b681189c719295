// What a compiled program will do: its time, what it is bound by, how near that comes to the bound.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "isa/program.h"
#include "machine/system.h"

namespace millrace::compiler {

// cycles(position) = fixed_cycles + cycles_per_block * blocks(0)
//                  + for every window w: windowed_cycles[w] * blocks(w)
// blocks(w): the blocks of 64 positions that a token at `position` sees through w; 0: no window.
struct Report {
  std::int64_t fixed_cycles = 0;
  std::int64_t cycles_per_block = 0;                          // of layers that see everything
  std::map<std::int32_t, std::int64_t> windowed_cycles = {};  // a block, by window
  std::int64_t cycles = 0;                                    // at `position`
  std::int32_t position = 0;
  std::int64_t lower_bound_cycles = 0;  // at the same position
  double clock_hz = 0;
  double seconds() const { return static_cast<double>(cycles) / clock_hz; }
  double ratio() const {
    return static_cast<double>(cycles) / static_cast<double>(lower_bound_cycles);
  }
  std::int32_t chips = 0, group = 0, stages = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t install_words = 0, install_words_used = 0;  // of the fullest chip, a slice
};

// Another partition, and what it would take.
struct Candidate {
  std::int32_t group = 0, stages = 0, chips = 0;
  std::int64_t cycles = 0;
  std::string refusal = {};  // empty, or why it cannot be
};

}  // namespace millrace::compiler

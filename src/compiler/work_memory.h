// The addresses of work slices: who has which, until when.
//
// Every group of four slices is a line of addresses. First fit; what is freed is given out again
// only after the section in which it was freed, so that no write comes before the last read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "compiler/tensor.h"

namespace millrace::compiler {

class WorkMemory {
 public:
  WorkMemory(std::int32_t groups, std::int32_t words);

  // `words` addresses of a group, or nothing if it is full.
  std::optional<std::int32_t> Allocate(std::int32_t group, std::int32_t words);
  void Free(std::int32_t group, std::int32_t word, std::int32_t words);
  // What was freed two sections ago can be given out again.
  void BeginSection();
  // The largest address given out so far, plus one.
  std::int32_t high_water(std::int32_t group) const;

 private:
  struct Hole {
    std::int32_t group, word, words;
  };
  void Give(const Hole& hole);

  std::vector<std::map<std::int32_t, std::int32_t>> free_;  // by group: word -> words
  std::vector<std::int32_t> high_water_;
  std::vector<Hole> freed_now_, freed_before_;
};

}  // namespace millrace::compiler

// Where a value of the graph lies in the work memory of the chips of a group.
//
// A tensor has `rows` (the tokens of the step), a row `steps`: what four slices hold at one
// address. Elements fill the steps in order, step_elements in each; a tensor in parts (heads)
// begins every part on a step of its own. Both hemispheres hold the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millrace::compiler {

// How a row is cut into steps.
struct Layout {
  std::int32_t parts = 1;
  std::int32_t part_elements = 0;
  std::int32_t step_elements = 0;  // at most those of four words

  std::int32_t steps_per_part() const {
    return (part_elements + step_elements - 1) / step_elements;
  }
  std::int32_t steps() const { return parts * steps_per_part(); }
  std::int64_t elements() const { return std::int64_t{parts} * part_elements; }
  // Elements that step `step` of a row holds.
  std::int32_t elements_of(std::int32_t step) const {
    return std::min(step_elements, part_elements - step % steps_per_part() * step_elements);
  }
  friend bool operator==(const Layout&, const Layout&) = default;
};

// [begin, end).
struct Range {
  std::int32_t begin = 0, end = 0;
  std::int32_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

// Which chips of the group hold which elements. A word is what one slice holds at an address; words
// of a row are counted through the steps, four a step.
enum class Spread {
  kWhole,    // every chip all of it
  kParts,    // member m has parts shares[m], kept from part 0 on
  kLocal,    // member m has words shares[m], kept from word 0 on
  kInPlace,  // member m has elements shares[m], kept where the whole tensor has them: to be
             // gathered
};

struct Tensor {
  Layout layout = {};  // kParts, kLocal: of the largest share
  std::int32_t rows = 1;
  std::int32_t group = 0;  // of work slices
  std::int32_t width = 4;  // slices of the group that a step fills
  std::int32_t word = 0;   // address of step 0 of row 0
  Spread spread = Spread::kWhole;
  std::vector<Range> shares = {};  // by member
  // [rows * steps]: the cycle of the section from which the step can be read. kInPlace: [rows *
  // words of the largest share], the first being the word in which the share begins.
  std::vector<std::int64_t> ready = {};

  // The part that holds part `part` of the whole value, on a member that has it.
  std::int32_t part_of(std::int32_t member, std::int32_t part) const {
    return spread == Spread::kWhole ? part : part - shares[static_cast<std::size_t>(member)].begin;
  }
  std::int32_t address(std::int32_t row, std::int32_t step) const {
    return word + row * layout.steps() + step;
  }
  std::int64_t& ready_at(std::int32_t row, std::int32_t step) {
    return ready[static_cast<std::size_t>(row * layout.steps() + step)];
  }
  std::int64_t ready_at(std::int32_t row, std::int32_t step) const {
    return ready[static_cast<std::size_t>(row * layout.steps() + step)];
  }
};

}  // namespace millrace::compiler

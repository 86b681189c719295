// What form every value of a graph takes on a group of chips, decided before anything is placed.
//
// Parts: a value that is used head by head begins every head on a step of its own, so that a head
// can be turned, normalised or multiplied without moving it. Spread: output rows are divided over
// the chips; what is used element by element stays divided until an operation needs all of it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/tensor.h"
#include "graph/graph.h"

namespace millrace::compiler {

// The heads of an attention that one chip of the group computes.
struct HeadShare {
  Range queries = {}, keys = {};  // heads, key-value heads
};

struct ValuePlan {
  std::int32_t parts = 1;
  Spread spread = Spread::kWhole;
  std::vector<Range> shares = {};  // by member, as in Tensor
};

class GroupPlan {
 public:
  // step_elements: of all binary32 tensors; word_elements: of a word.
  GroupPlan(const Graph& graph, std::int32_t members, std::int32_t step_elements,
            std::int32_t word_elements);

  const ValuePlan& value(ValueId id) const { return values_[id.index()]; }
  std::int32_t members() const { return members_; }
  // By member. Outputs that are wanted in parts stay on their chip, so every chip computes all.
  std::vector<HeadShare> HeadShares(const Attention& attention, ValueId id) const;
  // The words of a row of `columns` elements, divided: by member.
  std::vector<Range> WordShares(std::int64_t columns) const;
  // The elements that words [begin, end) of a row hold.
  Range ElementsOf(Range words, std::int64_t columns) const;

 private:
  void PutInPlace(ValuePlan& plan, std::int64_t columns) const;  // from words to elements
  void PreferParts(const Graph& graph);
  void SpreadValues(const Graph& graph);
  bool SpreadForward(const Graph& graph,
                     const std::vector<std::optional<std::vector<Range>>>& heads,
                     std::vector<bool>& whole);

  std::int32_t members_, step_elements_, word_elements_;
  std::vector<ValuePlan> values_;
};

// The layout of a row of `columns` elements in `parts`.
Layout MakeLayout(std::int64_t columns, std::int32_t parts, std::int32_t step_elements);

}  // namespace millrace::compiler

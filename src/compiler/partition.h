// Which chips compute which operations: a pipeline of groups.
//
// A stage is a row of operations on a group of chips that are all linked to each other; rows of its
// matrices and heads are divided over the group. The graph may be cut wherever a single value
// crosses, or several if that is not fine enough. For a group size, every stage takes as many
// operations as its SRAM holds, so that as few hand-overs as possible lie on the way of a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/lowering.h"
#include "graph/graph.h"
#include "machine/system.h"

namespace millrace::compiler {

struct Stage {
  std::size_t first = 0, end = 0;  // operations
  std::int32_t first_chip = 0;     // of the group
};

struct Partition {
  std::int32_t group = 1;  // chips a stage
  std::vector<Stage> stages;
  std::int32_t chips() const { return group * static_cast<std::int32_t>(stages.size()); }
};

// The group sizes that a system offers: divisors of the number of chips that are linked directly.
std::vector<std::int32_t> GroupSizes(const System& system);

// An operation before which the graph can be cut, and the values that cross there, ascending.
struct Cut {
  std::size_t before = 0;
  std::vector<ValueId> values = {};
};
// The cuts that at most `most` values cross. Layers meet in one; inside a layer there are two to
// four, which cost more to hand over but divide a model more finely.
std::vector<Cut> Cuts(const Graph& graph, std::size_t most);

// Bytes of weights and KV that an operation needs on all chips of a group together.
std::int64_t OperationBytes(const Graph& graph, const Operation& operation, const StepShape& shape);

// usable: how much of the SRAM for weights and KV a stage may fill; planes that differ and tiles
// that end within a word leave the rest empty. kExhausted if the system has too few chips for
// groups of this size; the message says how many.
Result<Partition> Divide(const Graph& graph, const System& system, const StepShape& shape,
                         std::int32_t group, double usable, std::size_t most_values);

// The first chip of group number `stage`: groups that follow each other are linked, chip by chip.
std::int32_t FirstChip(const System& system, std::int32_t group, std::int32_t stage);

}  // namespace millrace::compiler

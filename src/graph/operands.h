// Which values an operation reads.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace millrace {

// In the order of the operation's members; a value that is read twice stands there twice.
std::vector<ValueId> Operands(const Operation& operation);

}  // namespace millrace

// The tokens of a step as rows of a matrix.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/typed_index.h"
#include "host/share.h"
#include "host/step.h"

namespace millrace {

struct BatchRow {
  TokenId token;
  const StepSequence* sequence = nullptr;
  std::size_t position = 0;
};

// Views; whoever made them keeps the rows.
struct BatchRows {
  std::span<const BatchRow> rows;
  std::span<const Range> segments;  // consecutive rows of one sequence
  std::span<const std::size_t> logit_rows;

  std::size_t size() const { return rows.size(); }
};

}  // namespace millrace

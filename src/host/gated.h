// The gated feed-forward part, for all tokens of a step.
#pragma once

#include "host/thread_step.h"

namespace millrace {

// gate * up of own columns for `count` rows of input, converted into rows [first, first + count) of
// `product`. Column 0 of the product is row `first_row` of gate and up.
void GateOwnColumns(const ThreadStep& step, const GatedRows& rows, GateKind kind,
                    const PreparedInput& input, std::size_t count, std::size_t first_row,
                    PreparedInput& product, std::size_t first);

}  // namespace millrace

// Which positions of a KV block each of a few query rows sees, and which all of them see.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/kernel_table.h"

namespace millrace::kernels {

struct PositionRange {
  std::size_t begin, end;
};

inline std::size_t Begin(const AttentionBlock& block, std::size_t query, int row) {
  return static_cast<std::size_t>(block.begins[query + static_cast<std::size_t>(row)]);
}
inline std::size_t End(const AttentionBlock& block, std::size_t query, int row) {
  return static_cast<std::size_t>(block.ends[query + static_cast<std::size_t>(row)]);
}

// What any of rows [query, query + Q) sees lies in here.
template <int Q>
inline PositionRange Outer(const AttentionBlock& block, std::size_t query) {
  PositionRange range{Begin(block, query, 0), End(block, query, 0)};
  for (int i = 1; i < Q; ++i) {
    range.begin = std::min(range.begin, Begin(block, query, i));
    range.end = std::max(range.end, End(block, query, i));
  }
  return range;
}

// All of them see this; may be empty. Row by row what is before, then this, then what is behind it
// is the row's range in ascending order: Before() and Behind().
template <int Q>
inline PositionRange Shared(const AttentionBlock& block, std::size_t query) {
  PositionRange range{Begin(block, query, 0), End(block, query, 0)};
  for (int i = 1; i < Q; ++i) {
    range.begin = std::max(range.begin, Begin(block, query, i));
    range.end = std::min(range.end, End(block, query, i));
  }
  return range.begin <= range.end ? range : PositionRange{range.end, range.end};
}

inline PositionRange Before(const AttentionBlock& block, std::size_t query, int row,
                            PositionRange shared) {
  return {Begin(block, query, row), std::min(End(block, query, row), shared.begin)};
}
inline PositionRange Behind(const AttentionBlock& block, std::size_t query, int row,
                            PositionRange shared) {
  return {std::max(Begin(block, query, row), shared.end), End(block, query, row)};
}

}  // namespace millrace::kernels

// Blocks are taken in ascending order for as many rows at once as the scratch holds: rows of one
// sequence, whose positions ascend, so that those which see a block stand side by side.
#include "host/attend.h"

#include <algorithm>

namespace millrace {
namespace {

class RowsAttention {
 public:
  RowsAttention(const ThreadStep& step, const Attention& rule, const Queries& queries, Range rows)
      : step_(step),
        rule_(rule),
        queries_(queries),
        rows_(rows),
        sequence_(*step.batch.rows[rows.begin].sequence),
        first_(step.batch.rows[rows.begin].position),
        last_(step.batch.rows[rows.end - 1].position) {}

  void Run(float* out, std::size_t out_stride) {
    const std::size_t heads = queries_.heads, head_dim = step_.shape.head_dim;
    query_bytes_ = step_.cache.query_bytes(head_dim);
    for (std::size_t row = rows_.begin; row < rows_.end; ++row) {
      step_.cache.prepare_query(
          queries_.data + row * queries_.stride, rule_.scale, heads, head_dim,
          step_.own.prepared_query + (row - rows_.begin) * heads * query_bytes_);
    }
    const float* sinks =
        rule_.sinks ? step_.plan.vector(*rule_.sinks) + queries_.first_head : nullptr;
    StartAttention(step_.own.attention, rows_.size() * heads, step_.shape.value_dim, sinks, heads);
    for (std::size_t begin = FirstSeen(first_) / kKvBlock * kKvBlock; begin <= last_;
         begin += kKvBlock) {
      AttendBlock(begin);
    }
    const std::size_t value_dim = step_.shape.value_dim, padded = PaddedHeadDim(value_dim);
    for (std::size_t row = rows_.begin; row < rows_.end; ++row) {
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t query = (row - rows_.begin) * heads + h;
        step_.kernels.normalise(step_.own.attention.acc + query * padded,
                                step_.own.attention.sum[query], value_dim,
                                out + row * out_stride + h * value_dim);
      }
    }
  }

 private:
  std::size_t FirstSeen(std::size_t position) const {
    const auto window = static_cast<std::size_t>(rule_.window);
    return window != 0 && position + 1 > window ? position + 1 - window : 0;
  }

  // Positions [begin, begin + 64).
  void AttendBlock(std::size_t begin) {
    std::size_t skipped = begin > first_ ? begin - first_ : 0;  // rows before the block
    std::size_t queries = 0;
    for (std::size_t position = first_ + skipped; position <= last_; ++position) {
      const std::size_t from = std::max(begin, FirstSeen(position)) - begin;
      if (from >= kKvBlock) break;  // this row and those after it no longer see the block
      const std::size_t to = std::min(kKvBlock, position + 1 - begin);
      for (std::size_t h = 0; h < queries_.heads; ++h, ++queries) {
        step_.own.begins[queries] = static_cast<std::int32_t>(from);
        step_.own.ends[queries] = static_cast<std::int32_t>(to);
      }
    }
    const std::size_t at = skipped * queries_.heads;
    const AttentionState& state = step_.own.attention;
    step_.cache.attend({.query = step_.own.prepared_query + at * query_bytes_,
                        .queries = queries,
                        .head_dim = step_.shape.head_dim,
                        .value_dim = step_.shape.value_dim,
                        .keys = Keys(begin),
                        .values = step_.plan.values(sequence_, begin, Layer(), queries_.kv_head),
                        .begins = step_.own.begins,
                        .ends = step_.own.ends,
                        .softcap = rule_.softcap,
                        .next_keys = begin + kKvBlock <= last_ ? Keys(begin + kKvBlock) : nullptr},
                       {.max = state.max + at,
                        .sum = state.sum + at,
                        .acc = state.acc + at * PaddedHeadDim(step_.shape.value_dim),
                        .probabilities = state.probabilities + at * kKvBlock});
  }

  std::size_t Layer() const { return static_cast<std::size_t>(rule_.layer); }
  const std::byte* Keys(std::size_t position) const {
    return step_.plan.keys(sequence_, position, Layer(), queries_.kv_head);
  }

  const ThreadStep& step_;
  const Attention& rule_;
  const Queries& queries_;
  Range rows_;
  const StepSequence& sequence_;
  std::size_t first_, last_;  // positions
  std::size_t query_bytes_ = 0;
};

}  // namespace

void Attend(const ThreadStep& step, const Attention& rule, const Queries& queries, float* out,
            std::size_t out_stride) {
  const std::size_t rows_at_once = step.plan.attention_rows() / queries.heads;
  for (const Range& segment : step.batch.segments) {
    for (std::size_t begin = segment.begin; begin < segment.end; begin += rows_at_once) {
      RowsAttention(step, rule, queries, {begin, std::min(segment.end, begin + rows_at_once)})
          .Run(out, out_stride);
    }
  }
}

}  // namespace millrace

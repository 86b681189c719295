// The same operations as decode.cc over a matrix of tokens. Here a row of activations is worth a
// barrier: tokens are divided over the threads for norms and conversions, rows of the weights for
// everything else.
#include "host/batch.h"

#include <algorithm>
#include <vector>

#include "kernels/dequantise.h"

namespace millrace {
namespace {

// One token of the batch.
struct BatchRow {
  TokenId token;
  const StepSequence* sequence;
  std::size_t position;
};

// Consecutive rows of one sequence.
struct Segment {
  std::size_t begin, end;  // rows
};

struct Batch {
  std::vector<BatchRow> rows;
  std::vector<Segment> segments;
  std::vector<std::size_t> logit_rows;
};

Batch Gather(std::span<const StepSequence> sequences) {
  Batch batch;
  for (const StepSequence& sequence : sequences) {
    const std::size_t begin = batch.rows.size();
    for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
      const bool last = i + 1 == sequence.tokens.size();
      if (sequence.logits == LogitsWanted::kAll ||
          (sequence.logits == LogitsWanted::kLast && last)) {
        batch.logit_rows.push_back(batch.rows.size());
      }
      batch.rows.push_back(
          {sequence.tokens[i], &sequence, static_cast<std::size_t>(sequence.first_position) + i});
    }
    batch.segments.push_back({begin, batch.rows.size()});
  }
  return batch;
}

class BatchThread {
 public:
  BatchThread(HostPlan& plan, Team& team, const Batch& batch, int thread)
      : plan_(plan),
        team_(team),
        batch_(batch),
        kernels_(plan.kernels()),
        cache_(plan.cache_kernels()),
        shape_(plan.shape()),
        share_(plan.shares[static_cast<std::size_t>(thread)]),
        own_(plan.scratch[static_cast<std::size_t>(thread)]),
        tokens_(batch.rows.size()) {
    const auto index = static_cast<std::size_t>(thread),
               threads = static_cast<std::size_t>(team.threads());
    own_tokens_ = {tokens_ * index / threads, tokens_ * (index + 1) / threads};
    own_logits_ = {batch.logit_rows.size() * index / threads,
                   batch.logit_rows.size() * (index + 1) / threads};
  }

  void Run() {
    EmbedOwnTokens();
    for (std::size_t layer = 0; layer < shape_.layers; ++layer) {
      const LayerShare& share = share_.layers[layer];
      const TransformerLayer& ops = plan_.transformer().layers[layer];
      NormOwnTokens(plan_.attention_norms[layer], ops.attention_norm.eps);
      team_.Barrier();
      for (const KvHeadRows& head : share.kv_heads) AttendHead(layer, head, ops.attention.scale);
      team_.Barrier();
      PrepareOwnTokens(plan_.buffers.attention, shape_.attention_columns(),
                       plan_.buffers.attention_input);
      team_.Barrier();
      AddToResidual(share.attention_output, plan_.buffers.attention_input);
      team_.Barrier();
      NormOwnTokens(plan_.ffn_norms[layer], ops.ffn_norm.eps);
      team_.Barrier();
      for (const FfnPanel& panel : share.ffn_panels) Gate(panel);
      team_.Barrier();
      AddToResidual(share.down, plan_.buffers.ffn_input);
      team_.Barrier();
    }
    if (!batch_.logit_rows.empty()) Logits();
  }

 private:
  float* residual(std::size_t row) const { return plan_.buffers.residual + row * shape_.hidden; }

  void EmbedOwnTokens() {
    const Weight& embedding = plan_.graph().weight(plan_.transformer().embedding);
    const std::size_t row_bytes = RowBytes(embedding.dtype, shape_.hidden);
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      DequantiseRow(embedding.dtype,
                    embedding.bytes.data() + batch_.rows[row].token.index() * row_bytes,
                    {residual(row), shape_.hidden});
    }
  }

  void NormOwnTokens(const float* weight, float eps) {
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      kernels_.rms_norm(residual(row), weight, eps, shape_.hidden, own_.normed);
      PrepareRow(own_.normed, row, plan_.buffers.normed_input);
    }
  }

  void PrepareOwnTokens(const float* x, std::size_t columns, PreparedInput& input) {
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      PrepareRow(x + row * columns, row, input);
    }
  }

  void PrepareRow(const float* x, std::size_t row, PreparedInput& input) {
    input.Prepare(kernels_, x, row);
  }

  void AttendHead(std::size_t layer, const KvHeadRows& head, float scale) {
    const std::size_t head_dim = shape_.head_dim, group = shape_.group();
    const std::size_t query_stride = Stride(head.query), key_stride = Stride(head.key);
    const auto project = [&](const PackedRows& rows, float* y) {
      kernels_.linear(rows.packed, 0, rows.packed.tiles(),
                      plan_.buffers.normed_input.For(rows.packed.dtype), tokens_, y, Stride(rows));
    };
    project(head.query, own_.query);
    project(head.key, own_.key);
    project(head.value, own_.value);
    for (std::size_t row = 0; row < tokens_; ++row) {
      const BatchRow& at = batch_.rows[row];
      const float *cosines = plan_.cosines(at.position), *sines = plan_.sines(at.position);
      for (std::size_t h = 0; h < group; ++h) {
        kernels_.rope(own_.query + row * query_stride + h * head_dim, cosines, sines,
                      shape_.rotary);
      }
      float* key = own_.key + row * key_stride;
      kernels_.rope(key, cosines, sines, shape_.rotary);
      const std::int32_t block = at.sequence->kv_blocks[at.position / kKvBlock];
      cache_.store(key, own_.value + row * key_stride, head_dim, at.position % kKvBlock,
                   plan_.keys(block, layer, head.kv_head),
                   plan_.values(block, layer, head.kv_head));
    }
    const std::size_t rows_at_once = plan_.attention_rows() / group;
    for (const Segment& segment : batch_.segments) {
      for (std::size_t begin = segment.begin; begin < segment.end; begin += rows_at_once) {
        AttendRows(layer, head, scale, {begin, std::min(segment.end, begin + rows_at_once)});
      }
    }
  }

  // Rows of one sequence, at most attention_rows() query rows.
  void AttendRows(std::size_t layer, const KvHeadRows& head, float scale, Range rows) {
    const std::size_t head_dim = shape_.head_dim, group = shape_.group(),
                      padded = PaddedHeadDim(head_dim);
    for (std::size_t row = rows.begin; row < rows.end; ++row) {
      cache_.prepare_query(own_.query + row * Stride(head.query), scale, group * head_dim,
                           own_.prepared_query + (row - rows.begin) * group * head_dim);
    }
    const std::size_t first = batch_.rows[rows.begin].position,
                      last = batch_.rows[rows.end - 1].position;
    const StepSequence& sequence = *batch_.rows[rows.begin].sequence;
    for (std::size_t begin = 0; begin <= last; begin += kKvBlock) {
      // Positions ascend, so the rows that see this block are the last ones.
      const std::size_t skipped = begin > first ? begin - first : 0;
      std::size_t queries = 0;
      for (std::size_t position = first + skipped; position <= last; ++position) {
        const auto count = static_cast<std::int32_t>(std::min(kKvBlock, position + 1 - begin));
        for (std::size_t h = 0; h < group; ++h) own_.counts[queries++] = count;
      }
      const std::size_t at = skipped * group;
      const std::int32_t block = sequence.kv_blocks[begin / kKvBlock];
      cache_.attend({.query = own_.prepared_query + at * head_dim,
                     .queries = queries,
                     .head_dim = head_dim,
                     .keys = plan_.keys(block, layer, head.kv_head),
                     .values = plan_.values(block, layer, head.kv_head),
                     .counts = own_.counts,
                     .first = begin == 0,
                     .next_keys = begin + kKvBlock <= last
                                      ? plan_.keys(sequence.kv_blocks[begin / kKvBlock + 1], layer,
                                                   head.kv_head)
                                      : nullptr},
                    {.max = own_.attention.max + at,
                     .sum = own_.attention.sum + at,
                     .acc = own_.attention.acc + at * padded,
                     .probabilities = own_.attention.probabilities + at * kKvBlock});
    }
    for (std::size_t row = rows.begin; row < rows.end; ++row) {
      float* out = plan_.buffers.attention + row * shape_.attention_columns() +
                   head.kv_head * group * head_dim;
      for (std::size_t h = 0; h < group; ++h) {
        const std::size_t query = (row - rows.begin) * group + h;
        kernels_.normalise(own_.attention.acc + query * padded, own_.attention.sum[query], head_dim,
                           out + h * head_dim);
      }
    }
  }

  void AddToResidual(const PackedRows& rows, const PreparedInput& input) {
    constexpr std::size_t kPanelTiles = kFfnPanelRows / kTileRows;
    const LinearInput x = input.For(rows.packed.dtype);
    for (std::size_t tile = 0; tile < rows.packed.tiles(); tile += kPanelTiles) {
      const std::size_t end = std::min(tile + kPanelTiles, rows.packed.tiles());
      kernels_.linear(rows.packed, tile, end, x, tokens_, own_.product, kFfnPanelRows);
      const std::size_t count = std::min(end * kTileRows, rows.packed.rows) - tile * kTileRows;
      for (std::size_t row = 0; row < tokens_; ++row) {
        float* to = residual(row) + rows.first_row + tile * kTileRows;
        kernels_.add(to, own_.product + row * kFfnPanelRows, count, to);
      }
    }
  }

  void Gate(const FfnPanel& panel) {
    const std::size_t first = panel.gate.first_row, count = panel.gate.packed.rows;
    const PreparedInput& input = plan_.buffers.normed_input;
    kernels_.linear(panel.gate.packed, 0, panel.gate.packed.tiles(),
                    input.For(panel.gate.packed.dtype), tokens_, own_.gate, kFfnPanelRows);
    kernels_.linear(panel.up.packed, 0, panel.up.packed.tiles(), input.For(panel.up.packed.dtype),
                    tokens_, own_.up, kFfnPanelRows);
    for (std::size_t row = 0; row < tokens_; ++row) {
      float* out = plan_.buffers.ffn + row * shape_.ffn;
      kernels_.silu_mul(own_.gate + row * kFfnPanelRows, own_.up + row * kFfnPanelRows, count,
                        out + first);
      plan_.buffers.ffn_input.Prepare(kernels_, out, row, first, first + count);
    }
  }

  void Logits() {
    for (std::size_t i = own_logits_.begin; i < own_logits_.end; ++i) {
      kernels_.rms_norm(residual(batch_.logit_rows[i]), plan_.output_norm,
                        plan_.transformer().output_norm.eps, shape_.hidden, own_.normed);
      PrepareRow(own_.normed, i, plan_.buffers.logit_input);
    }
    team_.Barrier();
    const PackedMatrix& w = share_.output.packed;
    kernels_.linear(w, 0, w.tiles(), plan_.buffers.logit_input.For(w.dtype),
                    batch_.logit_rows.size(), plan_.buffers.logits + share_.output.first_row,
                    plan_.logit_stride());
  }

  static std::size_t Stride(const PackedRows& rows) { return rows.packed.tiles() * kTileRows; }

  HostPlan& plan_;
  Team& team_;
  const Batch& batch_;
  const KernelTable& kernels_;
  const CacheKernels& cache_;
  const HostShape& shape_;
  const ThreadShare& share_;
  ThreadScratch& own_;
  std::size_t tokens_;
  Range own_tokens_, own_logits_;
};

}  // namespace

void RunBatch(HostPlan& plan, Team& team, std::span<const StepSequence> sequences) {
  const Batch batch = Gather(sequences);
  team.Run([&](int thread) { BatchThread(plan, team, batch, thread).Run(); });
}

}  // namespace millrace

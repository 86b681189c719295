// The same operations as decode.cc over a matrix of tokens. Here a row of activations is worth a
// barrier: tokens are divided over the threads for norms and conversions, rows of the weights for
// everything else.
#include "host/batch.h"

#include <vector>

#include "host/feed_forward.h"
#include "host/head_attention.h"
#include "host/latent_attention.h"
#include "kernels/dequantise.h"

namespace millrace {
namespace {

struct Gathered {
  std::vector<BatchRow> rows;
  std::vector<Range> segments;
  std::vector<std::size_t> logit_rows;
};

Gathered Gather(std::span<const StepSequence> sequences) {
  Gathered batch;
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
  explicit BatchThread(const ThreadStep& step)
      : step_(step),
        own_(step.own),
        buffers_(step.buffers),
        transformer_(step.plan.transformer()),
        own_tokens_(step.OwnPart(step.tokens)) {}

  void Run() {
    EmbedOwnTokens();
    for (std::size_t layer = 0; layer < step_.shape.layers; ++layer) {
      const AttentionPart& attention = transformer_.layers[layer].attention;
      const FeedForwardPart& feed_forward = transformer_.layers[layer].feed_forward;
      NormOwnTokens(attention.norm);
      step_.team.Barrier();
      if (step_.shape.has_latent) {
        AttendLatent(step_, layer, buffers_.normed_input);
      } else {
        AttendHeads(step_, layer, buffers_.normed_input);
      }
      step_.team.Barrier();
      PrepareOwnTokens();
      step_.team.Barrier();
      const PackedRows& output = step_.share.layers[layer].attention_output;
      step_.LinearInto(output, buffers_.attention_input, buffers_.branch, step_.shape.hidden,
                       output.first_row);
      step_.team.Barrier();
      AddOwnTokens(attention.post_norm);
      NormOwnTokens(feed_forward.norm);
      step_.team.Barrier();
      FeedForward(step_, layer, buffers_.normed_input);
      step_.team.Barrier();
      AddOwnTokens(feed_forward.post_norm);
    }
    if (!step_.batch.logit_rows.empty()) Logits();
  }

 private:
  float* residual(std::size_t row) const { return buffers_.residual + row * step_.shape.hidden; }

  void EmbedOwnTokens() {
    const Weight& table = step_.plan.graph().weight(transformer_.embedding);
    const std::size_t row_bytes = RowBytes(table.dtype, step_.shape.hidden);
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      DequantiseRow(table.dtype,
                    table.bytes.data() + step_.batch.rows[row].token.index() * row_bytes,
                    {residual(row), step_.shape.hidden});
      if (transformer_.embedding_scale != 1) {
        step_.kernels.scale(residual(row), transformer_.embedding_scale, step_.shape.hidden,
                            residual(row));
      }
    }
  }

  void NormRow(const Norm& norm, std::size_t row, std::size_t to, PreparedInput& input) {
    step_.kernels.rms_norm(residual(row), step_.plan.vector(norm.weight), norm.eps,
                           step_.shape.hidden, own_.normed);
    input.Prepare(step_.kernels, own_.normed, to);
  }

  void NormOwnTokens(const Norm& norm) {
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      NormRow(norm, row, row, buffers_.normed_input);
    }
  }

  void PrepareOwnTokens() {
    const std::size_t columns = step_.shape.attention_columns;
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      buffers_.attention_input.Prepare(step_.kernels, buffers_.attention + row * columns, row);
    }
  }

  void AddOwnTokens(const std::optional<Norm>& post_norm) {
    for (std::size_t row = own_tokens_.begin; row < own_tokens_.end; ++row) {
      step_.AddBranch(post_norm, buffers_.branch + row * step_.shape.hidden, residual(row));
    }
  }

  void Logits() {
    const std::span<const std::size_t> wanted = step_.batch.logit_rows;
    step_.team.Barrier();  // rows that other threads finished
    const Range own = step_.OwnPart(wanted.size());
    for (std::size_t i = own.begin; i < own.end; ++i) {
      NormRow(transformer_.output_norm, wanted[i], i, buffers_.logit_input);
    }
    step_.team.Barrier();
    const PackedRows& output = step_.share.output;
    const std::size_t stride = step_.plan.logit_stride();
    float* logits = buffers_.logits + output.first_row;
    step_.Linear(output, buffers_.logit_input, wanted.size(), logits, stride);
    if (transformer_.logit_softcap == 0) return;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      step_.kernels.softcap(logits + i * stride, transformer_.logit_softcap, output.packed.rows,
                            logits + i * stride);
    }
  }

  const ThreadStep& step_;
  ThreadScratch& own_;
  SharedBuffers& buffers_;
  const Transformer& transformer_;
  Range own_tokens_;
};

}  // namespace

void RunBatch(HostPlan& plan, Team& team, std::span<const StepSequence> sequences) {
  const Gathered gathered = Gather(sequences);
  const BatchRows batch{gathered.rows, gathered.segments, gathered.logit_rows};
  team.Run([&](int thread) {
    const ThreadStep step(plan, team, batch, thread);
    BatchThread(step).Run();
  });
}

}  // namespace millrace

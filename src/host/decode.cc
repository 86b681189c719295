// One token: a norm and a conversion to 8 bits cost less than a barrier, so every thread keeps the
// residual stream for itself and makes its own copy of each input. Four barriers a layer:
//
//   norm, q k v, rope, attention of own heads            | barrier: all heads needed by
//   attention output (own rows of the branch)            | barrier: whole branch needed by
//   residual, norm, gate, up, product (own rows)         | barrier: whole product needed by
//   down (own rows of the branch)                        | barrier: whole branch needed by
//   residual
//
// (more where key-value heads are shared, with latent attention, and with experts).
#include "host/decode.h"

#include "host/feed_forward.h"
#include "host/head_attention.h"
#include "host/latent_attention.h"
#include "kernels/dequantise.h"

namespace millrace {
namespace {

class DecodeThread {
 public:
  explicit DecodeThread(const ThreadStep& step)
      : step_(step), own_(step.own), transformer_(step.plan.transformer()) {}

  void Run() {
    Embed();
    for (std::size_t layer = 0; layer < step_.shape.layers; ++layer) {
      const AttentionPart& attention = transformer_.layers[layer].attention;
      NormInput(attention.norm);
      if (step_.shape.has_latent) {
        AttendLatent(step_, layer, own_.row_input);
      } else {
        AttendHeads(step_, layer, own_.row_input);
      }
      step_.team.Barrier();
      own_.attention_input.Prepare(step_.kernels, step_.buffers.attention, 0);
      const PackedRows& output = step_.share.layers[layer].attention_output;
      step_.LinearInto(output, own_.attention_input, step_.buffers.branch, step_.shape.hidden,
                       output.first_row);
      step_.team.Barrier();
      step_.AddBranch(attention.post_norm, step_.buffers.branch, own_.residual);
      NormInput(transformer_.layers[layer].feed_forward.norm);
      FeedForward(step_, layer, own_.row_input);
      step_.team.Barrier();
      step_.AddBranch(transformer_.layers[layer].feed_forward.post_norm, step_.buffers.branch,
                      own_.residual);
    }
    if (!step_.batch.logit_rows.empty()) Logits();
  }

 private:
  void Embed() {
    const Weight& table = step_.plan.graph().weight(transformer_.embedding);
    const std::size_t row_bytes = RowBytes(table.dtype, step_.shape.hidden);
    DequantiseRow(table.dtype, table.bytes.data() + step_.batch.rows[0].token.index() * row_bytes,
                  {own_.residual, step_.shape.hidden});
    if (transformer_.embedding_scale != 1) {
      step_.kernels.scale(own_.residual, transformer_.embedding_scale, step_.shape.hidden,
                          own_.residual);
    }
  }

  void NormInput(const Norm& norm) {
    step_.kernels.rms_norm(own_.residual, step_.plan.vector(norm.weight), norm.eps,
                           step_.shape.hidden, own_.normed);
    own_.row_input.Prepare(step_.kernels, own_.normed, 0);
  }

  void Logits() {
    NormInput(transformer_.output_norm);
    const PackedRows& output = step_.share.output;
    float* logits = step_.buffers.logits + output.first_row;
    step_.Linear(output, own_.row_input, 1, logits, step_.plan.logit_stride());
    if (transformer_.logit_softcap != 0) {
      step_.kernels.softcap(logits, transformer_.logit_softcap, output.packed.rows, logits);
    }
  }

  const ThreadStep& step_;
  ThreadScratch& own_;
  const Transformer& transformer_;
};

}  // namespace

void Decode(HostPlan& plan, Team& team, const StepSequence& sequence) {
  const BatchRow row{sequence.tokens[0], &sequence,
                     static_cast<std::size_t>(sequence.first_position)};
  const Range segment{0, 1};
  const std::size_t logit_row = 0;
  const std::size_t logits = sequence.logits == LogitsWanted::kNone ? 0 : 1;
  const BatchRows batch{{&row, 1}, {&segment, 1}, {&logit_row, logits}};
  team.Run([&](int thread) {
    const ThreadStep step(plan, team, batch, thread);
    DecodeThread(step).Run();
  });
}

}  // namespace millrace

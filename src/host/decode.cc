// Four barriers a layer. A norm and a conversion to 8 bits cost less than a barrier, so every
// thread makes its own copy of the input instead of waiting for a shared one:
//
//   norm, q k v, rope, attention of own heads   | barrier: all heads needed by
//   attention output, residual (own rows)       | barrier: whole row needed by
//   norm, gate, up, product (own rows)          | barrier: whole product needed by
//   down, residual (own rows)                   | barrier
#include "host/decode.h"

#include <algorithm>

#include "kernels/dequantise.h"

namespace millrace {
namespace {

class DecodeThread {
 public:
  DecodeThread(HostPlan& plan, Team& team, const StepSequence& sequence, int thread)
      : plan_(plan),
        team_(team),
        sequence_(sequence),
        kernels_(plan.kernels()),
        cache_(plan.cache_kernels()),
        shape_(plan.shape()),
        share_(plan.shares[static_cast<std::size_t>(thread)]),
        own_(plan.scratch[static_cast<std::size_t>(thread)]),
        position_(static_cast<std::size_t>(sequence.first_position)) {}

  void Run() {
    for (std::size_t layer = 0; layer < shape_.layers; ++layer) {
      const LayerShare& share = share_.layers[layer];
      NormInput(plan_.attention_norms[layer], plan_.transformer().layers[layer].attention_norm.eps);
      for (const KvHeadRows& head : share.kv_heads) AttendHead(layer, head);
      team_.Barrier();
      own_.attention_input.Prepare(kernels_, plan_.buffers.attention, 0);
      AddToResidual(share.attention_output, own_.attention_input);
      team_.Barrier();
      NormInput(plan_.ffn_norms[layer], plan_.transformer().layers[layer].ffn_norm.eps);
      for (const FfnPanel& panel : share.ffn_panels) Gate(panel);
      team_.Barrier();
      AddToResidual(share.down, plan_.buffers.ffn_input);
      team_.Barrier();
    }
    if (sequence_.logits != LogitsWanted::kNone) Logits();
  }

 private:
  void Linear(const PackedRows& rows, const PreparedInput& input, float* y) {
    kernels_.linear(rows.packed, 0, rows.packed.tiles(), input.For(rows.packed.dtype), 1, y, 0);
  }

  void NormInput(const float* weight, float eps) {
    kernels_.rms_norm(plan_.buffers.residual, weight, eps, shape_.hidden, own_.normed);
    own_.row_input.Prepare(kernels_, own_.normed, 0);
  }

  void AttendHead(std::size_t layer, const KvHeadRows& head) {
    const std::size_t head_dim = shape_.head_dim, group = shape_.group();
    Linear(head.query, own_.row_input, own_.query);
    Linear(head.key, own_.row_input, own_.key);
    Linear(head.value, own_.row_input, own_.value);
    const float *cosines = plan_.cosines(position_), *sines = plan_.sines(position_);
    for (std::size_t h = 0; h < group; ++h)
      kernels_.rope(own_.query + h * head_dim, cosines, sines, shape_.rotary);
    kernels_.rope(own_.key, cosines, sines, shape_.rotary);

    const auto block_of = [&](std::size_t position) {
      return sequence_.kv_blocks[position / kKvBlock];
    };
    cache_.store(own_.key, own_.value, head_dim, position_ % kKvBlock,
                 plan_.keys(block_of(position_), layer, head.kv_head),
                 plan_.values(block_of(position_), layer, head.kv_head));
    const float scale = plan_.transformer().layers[layer].attention.scale;
    cache_.prepare_query(own_.query, scale, group * head_dim, own_.prepared_query);
    for (std::size_t begin = 0; begin <= position_; begin += kKvBlock) {
      std::fill_n(own_.counts, group,
                  static_cast<std::int32_t>(std::min(kKvBlock, position_ + 1 - begin)));
      cache_.attend({.query = own_.prepared_query,
                     .queries = group,
                     .head_dim = head_dim,
                     .keys = plan_.keys(block_of(begin), layer, head.kv_head),
                     .values = plan_.values(block_of(begin), layer, head.kv_head),
                     .counts = own_.counts,
                     .first = begin == 0,
                     .next_keys = begin + kKvBlock <= position_
                                      ? plan_.keys(block_of(begin + kKvBlock), layer, head.kv_head)
                                      : nullptr},
                    own_.attention);
    }
    float* out = plan_.buffers.attention + head.kv_head * group * head_dim;
    for (std::size_t h = 0; h < group; ++h) {
      kernels_.normalise(own_.attention.acc + h * PaddedHeadDim(head_dim), own_.attention.sum[h],
                         head_dim, out + h * head_dim);
    }
  }

  void AddToResidual(const PackedRows& rows, const PreparedInput& input) {
    Linear(rows, input, own_.product);
    float* residual = plan_.buffers.residual + rows.first_row;
    kernels_.add(residual, own_.product, rows.packed.rows, residual);
  }

  void Gate(const FfnPanel& panel) {
    Linear(panel.gate, own_.row_input, own_.gate);
    Linear(panel.up, own_.row_input, own_.up);
    const std::size_t first = panel.gate.first_row, rows = panel.gate.packed.rows;
    kernels_.silu_mul(own_.gate, own_.up, rows, plan_.buffers.ffn + first);
    plan_.buffers.ffn_input.Prepare(kernels_, plan_.buffers.ffn, 0, first, first + rows);
  }

  void Logits() {
    NormInput(plan_.output_norm, plan_.transformer().output_norm.eps);
    Linear(share_.output, own_.row_input, plan_.buffers.logits + share_.output.first_row);
  }

  HostPlan& plan_;
  Team& team_;
  const StepSequence& sequence_;
  const KernelTable& kernels_;
  const CacheKernels& cache_;
  const HostShape& shape_;
  const ThreadShare& share_;
  ThreadScratch& own_;
  std::size_t position_;
};

}  // namespace

void Decode(HostPlan& plan, Team& team, const StepSequence& sequence) {
  const Weight& embedding = plan.graph().weight(plan.transformer().embedding);
  const std::size_t row_bytes = RowBytes(embedding.dtype, plan.shape().hidden);
  DequantiseRow(embedding.dtype, embedding.bytes.data() + sequence.tokens[0].index() * row_bytes,
                {plan.buffers.residual, plan.shape().hidden});
  team.Run([&](int thread) { DecodeThread(plan, team, sequence, thread).Run(); });
}

}  // namespace millrace

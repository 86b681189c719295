// Experts: tokens are grouped by expert, so that the weights of an expert are read once a step.
//
//   logits of the router: own rows                                  | barrier
//   routes: own tokens                                              | barrier
//   pairs of tokens and experts, listed by every thread for itself
//   gate, up, product of every expert that has tokens: own columns  | barrier
//   down, weighed and added by ascending expert: own rows
#include "host/feed_forward.h"

#include <algorithm>

#include "host/gated.h"
#include "host/routing.h"

namespace millrace {
namespace {

class ExpertsLayer {
 public:
  ExpertsLayer(const ThreadStep& step, std::size_t layer, const PreparedInput& input)
      : step_(step),
        share_(step.share.layers[layer]),
        input_(input),
        part_(std::get<ExpertsPart>(step.plan.transformer().layers[layer].feed_forward.inner)) {}

  void Run() const {
    step_.LinearInto(share_.router, input_, step_.buffers.router_logits, step_.shape.experts,
                     share_.router.first_row);
    step_.team.Barrier();
    RouteOwnTokens();
    step_.team.Barrier();
    ListPairs();
    for (std::size_t e = 0; e < step_.shape.experts; ++e) GateExpert(e);
    if (part_.shared) {
      GateOwnColumns(step_, *share_.gated, part_.shared->kind, input_, step_.tokens, 0,
                     step_.buffers.gated_input, 0);
    }
    step_.team.Barrier();
    ClearOwnColumns();
    for (std::size_t e = 0; e < step_.shape.experts; ++e) AddExpert(e);
    if (part_.shared) AddShared();
  }

 private:
  std::size_t PairBegin(std::size_t expert) const {
    return static_cast<std::size_t>(step_.own.pair_begins[expert]);
  }
  std::size_t Pairs(std::size_t expert) const { return PairBegin(expert + 1) - PairBegin(expert); }
  std::size_t PairToken(std::size_t pair) const {
    return static_cast<std::size_t>(step_.own.pair_tokens[pair]);
  }
  float RouteOf(std::size_t token, std::size_t expert) const {
    return step_.buffers.routes[token * step_.shape.experts + expert];
  }

  void RouteOwnTokens() const {
    const std::size_t experts = step_.shape.experts;
    const Range own = step_.OwnPart(step_.tokens);
    const float* bias =
        part_.route.selection_bias ? step_.plan.vector(*part_.route.selection_bias) : nullptr;
    for (std::size_t t = own.begin; t < own.end; ++t) {
      RouteToken(part_.route, bias, {step_.buffers.router_logits + t * experts, experts},
                 {step_.buffers.routes + t * experts, experts});
    }
  }

  void ListPairs() const {
    std::int32_t pairs = 0;
    for (std::size_t e = 0; e < step_.shape.experts; ++e) {
      step_.own.pair_begins[e] = pairs;
      for (std::size_t t = 0; t < step_.tokens; ++t) {
        if (RouteOf(t, e) != 0) step_.own.pair_tokens[pairs++] = static_cast<std::int32_t>(t);
      }
    }
    step_.own.pair_begins[step_.shape.experts] = pairs;
  }

  void GateExpert(std::size_t expert) const {
    const std::size_t begin = PairBegin(expert), count = Pairs(expert);
    if (count == 0) return;
    const PreparedInput* input = &input_;
    if (step_.tokens > 1) {
      for (std::size_t i = 0; i < count; ++i) {
        step_.own.gathered_input.CopyRow(input_, PairToken(begin + i), i);
      }
      input = &step_.own.gathered_input;
    }
    GateOwnColumns(step_, share_.experts[expert], part_.experts.kind, *input, count,
                   expert * step_.shape.expert_rows, step_.buffers.expert_input, begin);
  }

  // Own columns of the branch are those of the rows of any `down`.
  void ClearOwnColumns() const {
    const PackedRows& down = share_.attention_output;
    for (std::size_t t = 0; t < step_.tokens; ++t) {
      std::fill_n(step_.buffers.branch + t * step_.shape.hidden + down.first_row, down.packed.rows,
                  0.0f);
    }
  }

  // branch = fma(route, down x, branch), in panels of rows.
  void AddExpert(std::size_t expert) const {
    const std::size_t begin = PairBegin(expert), count = Pairs(expert);
    if (count == 0) return;
    const PackedRows& down = share_.experts[expert].down;
    const LinearInput x = step_.buffers.expert_input.For(down.packed.dtype, begin);
    constexpr std::size_t kPanelTiles = kFfnPanelRows / kTileRows;
    for (std::size_t tile = 0; tile < down.packed.tiles(); tile += kPanelTiles) {
      const std::size_t end = std::min(tile + kPanelTiles, down.packed.tiles());
      step_.kernels.linear(down.packed, tile, end, x, count, step_.own.product, kFfnPanelRows);
      const std::size_t row = tile * kTileRows;
      const std::size_t width = std::min(end * kTileRows, down.packed.rows) - row;
      for (std::size_t i = 0; i < count; ++i) {
        float* y = step_.own.product + i * kFfnPanelRows;
        if (down.bias) {
          step_.kernels.add(y, step_.plan.vector(*down.bias) + down.first_bias + row, width, y);
        }
        const std::size_t token = PairToken(begin + i);
        step_.kernels.add_scaled(
            RouteOf(token, expert), y, width,
            step_.buffers.branch + token * step_.shape.hidden + OwnColumn() + row);
      }
    }
  }

  void AddShared() const {
    const PackedRows& down = share_.gated->down;
    constexpr std::size_t kPanelTiles = kFfnPanelRows / kTileRows;
    const LinearInput x = step_.buffers.gated_input.For(down.packed.dtype);
    for (std::size_t tile = 0; tile < down.packed.tiles(); tile += kPanelTiles) {
      const std::size_t end = std::min(tile + kPanelTiles, down.packed.tiles());
      step_.kernels.linear(down.packed, tile, end, x, step_.tokens, step_.own.product,
                           kFfnPanelRows);
      const std::size_t row = tile * kTileRows;
      const std::size_t width = std::min(end * kTileRows, down.packed.rows) - row;
      for (std::size_t t = 0; t < step_.tokens; ++t) {
        float* to = step_.buffers.branch + t * step_.shape.hidden + OwnColumn() + row;
        step_.kernels.add(to, step_.own.product + t * kFfnPanelRows, width, to);
      }
    }
  }

  std::size_t OwnColumn() const { return share_.attention_output.first_row; }

  const ThreadStep& step_;
  const LayerShare& share_;
  const PreparedInput& input_;
  const ExpertsPart& part_;
};

}  // namespace

void FeedForward(const ThreadStep& step, std::size_t layer, const PreparedInput& input) {
  const auto& inner = step.plan.transformer().layers[layer].feed_forward.inner;
  const auto* gated = std::get_if<GatedPart>(&inner);
  if (gated == nullptr) return ExpertsLayer(step, layer, input).Run();
  const GatedRows& rows = *step.share.layers[layer].gated;
  GateOwnColumns(step, rows, gated->kind, input, step.tokens, 0, step.buffers.gated_input, 0);
  step.team.Barrier();
  step.LinearInto(rows.down, step.buffers.gated_input, step.buffers.branch, step.shape.hidden,
                  rows.down.first_row);
}

}  // namespace millrace

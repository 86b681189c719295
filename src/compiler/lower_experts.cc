// A mixture of experts: the same tiles for every expert, at addresses that the router chooses.
//
// For each token and each of its experts in ascending order: gate and up, the gate's function,
// down, and the weighted sum. Which expert it is changes the address of the reads and nothing else,
// so that the time does not depend on the choice.
#include "compiler/linear_job.h"

namespace millrace::compiler {

using isa::VxmOp;

namespace {

VxmOp GateOf(GateKind kind) {
  switch (kind) {
    case GateKind::kSilu:
      return VxmOp::kSiluMul;
    case GateKind::kGelu:
      return VxmOp::kGeluMul;
    case GateKind::kClampedSwiglu:
      return VxmOp::kClampedMul;
  }
  return VxmOp::kSiluMul;
}

}  // namespace

Result<Tensor> Lowering::GatedExpert(const Experts& op, LinearJob& job, ExpertTiles& tiles) {
  job.weight = &graph_->weight(op.gate);
  job.bias = op.gate_bias ? &graph_->weight(*op.gate_bias) : nullptr;
  job.tiles = &tiles.gate;
  MILLRACE_TRY(Tensor gates, Multiply(job));
  job.weight = &graph_->weight(op.up);
  job.bias = op.up_bias ? &graph_->weight(*op.up_bias) : nullptr;
  job.tiles = &tiles.up;
  MILLRACE_TRY(Tensor ups, Multiply(job));
  MILLRACE_TRY(Tensor gated, NewTensor(job.columns, PlanOfRows(job.columns, Spread::kInPlace), 4,
                                       {&gates, &ups}));
  for (const StepRun& run : RunsOf(gates)) {
    PlaceVector({.op = GateOf(op.kind)}, &gates, &ups, &gated, job.row, run);
  }
  Free(gates);
  Free(ups);
  GatherRows(gated, job.row, 1);
  return gated;
}

// Rows of a matrix over the chips of the group.
ValuePlan Lowering::PlanOfRows(std::int64_t columns, Spread spread) const {
  ValuePlan plan;
  if (members() == 1) return plan;
  plan.spread = spread;
  plan.shares = plan_->WordShares(columns);
  if (spread == Spread::kInPlace) {
    for (Range& share : plan.shares) share = plan_->ElementsOf(share, columns);
  }
  return plan;
}

Result<void> Lowering::Lower(const Experts& op, ValueId id) {
  const Weight &gate = graph_->weight(op.gate), &down = graph_->weight(op.down);
  const auto experts = static_cast<std::int32_t>(graph_->columns[op.routes.index()]);
  const std::int64_t ffn = gate.rows / experts, hidden = down.rows / experts;
  MILLRACE_TRY(const Tensor* x, PreparedInput(op.input, gate.dtype));
  ExpertTiles tiles;
  MILLRACE_TRY(Tensor sum, NewTensor(hidden, ValuePlan{}, 4, {}));
  const Tensor& zero =
      constants_.Add(fmt::format("{} zeros", hidden), MakeLayout(hidden, 1, step_elements_), {});
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    const Routed routed = routed_.at({op.routes.value, row});
    std::optional<Tensor> before;
    for (std::int32_t i = 0; i < routed.chosen; ++i) {
      LinearJob job{.x = x,
                    .row = row,
                    .columns = ffn,
                    .plan = PlanOfRows(ffn, Spread::kLocal),
                    .experts = experts,
                    .expert = static_cast<isa::RegisterIndex>(routed.experts + i),
                    .ready = routed.ready};
      MILLRACE_TRY(Tensor gated, GatedExpert(op, job, tiles));
      MILLRACE_TRY(Tensor prepared, Prepare(gated, down.dtype, row, 1));
      Free(gated);
      job.weight = &down;
      job.x = &prepared;
      job.columns = hidden;
      job.plan = PlanOfRows(hidden, Spread::kInPlace);
      job.bias = op.down_bias ? &graph_->weight(*op.down_bias) : nullptr;
      job.tiles = &tiles.down;
      job.avoid = &sum;
      MILLRACE_TRY(Tensor result, Multiply(job));
      Free(prepared);
      GatherRows(result, row, 1);
      const bool last = i + 1 == routed.chosen;
      std::optional<Tensor> next;
      if (!last) {
        MILLRACE_TRY(Tensor fresh, NewTensor(hidden, ValuePlan{}, 4,
                                             {&sum, &result, before ? &*before : nullptr}));
        next = std::move(fresh);
      }
      const isa::Vxm add{.op = VxmOp::kScaledAdd, .slot = routed.states + i};
      for (const StepRun& run : RunsOf(result)) {
        PlaceVector(add, &result, before ? &*before : &zero, last ? &sum : &*next, row, run,
                    routed.ready);
      }
      Free(result);
      if (before) Free(*before);
      before = std::move(next);
    }
  }
  values_.insert_or_assign(id.value, std::move(sum));
  return {};
}

}  // namespace millrace::compiler

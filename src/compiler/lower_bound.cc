#include "compiler/lower_bound.h"
#include "base/ceil_div.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/overloaded.h"
#include "compiler/value_plan.h"
#include "isa/program.h"
#include "isa/timing.h"

namespace millrace::compiler {
namespace {

using isa::VxmOp;

std::int64_t BytesOf(const Weight& weight) {
  return weight.rows * static_cast<std::int64_t>(
                           RowBytes(weight.dtype, static_cast<std::size_t>(weight.columns)));
}

class Bound {
 public:
  Bound(const Graph& graph, const System& system, std::int32_t group, std::int32_t rows,
        std::int32_t position)
      : graph_(graph),
        system_(system),
        chip_(system.chip),
        group_(group),
        rows_(rows),
        blocks_(position / isa::kKvBlock + 1),
        position_(position),
        step_(chip_.vector_bytes),
        plan_(graph, group, step_, chip_.vector_bytes / 4),
        done_(graph.operations.size(), 0) {
    for (const Operation& operation : graph.operations) {
      if (const auto* linear = std::get_if<Linear>(&operation)) {
        installed_with_[linear->input.value] += Installed(BytesOf(graph.weight(linear->weight)));
      }
    }
  }

  std::int64_t Run() {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
      done_[i] = std::visit([&](const auto& op) { return Done(op); }, graph_.operations[i]);
      if (plan_.value(ValueId{static_cast<std::int32_t>(i)}).spread == Spread::kInPlace &&
          i != graph_.logits.index()) {
        done_[i] += Gather();
      }
    }
    return std::max(done_[graph_.logits.index()],
                    static_cast<std::int64_t>(CeilDiv(all_bytes_, chip_.install_bytes())));
  }

 private:
  std::int64_t at(ValueId id) const { return done_[id.index()]; }
  std::int64_t Installed(std::int64_t bytes) const { return CeilDiv(bytes, group_); }

  // Cycles to install bytes of this chip's share, less what two tiles on every plane hold before.
  std::int64_t InstallCycles(std::int64_t bytes) const {
    const std::int64_t planes = 2 * chip_.mxm.planes_per_hemisphere;
    const std::int64_t held = planes * chip_.mxm.buffers * chip_.mxm.rows * chip_.mxm.columns;
    return std::max<std::int64_t>(0, bytes - held) / chip_.install_bytes();
  }
  // One VXM operation on a row of `columns` elements. Its steps stream: they may follow those of
  // the operation before as these come, so that only the latency of one adds up; a sum needs them
  // all.
  std::int64_t Vector(VxmOp op, std::int64_t columns, std::int32_t run = 0) const {
    isa::Vxm vxm{.op = op, .step_elements = step_, .run = run};
    const isa::StepTiming timing = isa::VxmTiming(chip_, vxm);
    if (op != VxmOp::kSumSquares) return timing.latency_cycles;
    return (CeilDiv(columns, step_) - 1) * timing.interval_cycles + timing.latency_cycles;
  }
  // From the VXM to a plane, through a sum over k, and back.
  std::int64_t Matrix(DType dtype, std::int64_t k) const {
    const std::int64_t links = IsQuantised(dtype) ? CeilDiv(k, 32) : k;
    return 2 * chip_.edge() + chip_.mxm.pass_latency_cycles + links * chip_.mxm.chain_cycles +
           chip_.mxm.emit_latency_cycles;
  }
  std::int64_t Product(ValueId input, const Weight& weight, std::int64_t bytes, std::int64_t k) {
    all_bytes_ += Installed(BytesOf(weight));
    const std::int64_t passes = CeilDiv(k, isa::PassElements(chip_, weight.dtype)) *
                                CeilDiv(weight.rows, group_) / chip_.mxm.columns * rows_ /
                                (2 * chip_.mxm.planes_per_hemisphere);
    const VxmOp prepare = IsQuantised(weight.dtype) ? VxmOp::kQuantise : VxmOp::kToF16;
    return at(input) + Vector(prepare, k) + std::max(InstallCycles(bytes), passes) +
           Matrix(weight.dtype, k);
  }

  std::int64_t Done(const Embed&) { return 0; }
  std::int64_t Done(const RmsNorm& op) {
    const std::int64_t columns = graph_.weight(op.weight).columns;
    const auto run = static_cast<std::int32_t>(columns);
    return at(op.input) + Vector(VxmOp::kSumSquares, columns, run) +
           Vector(VxmOp::kNormalise, columns);
  }
  std::int64_t Done(const Linear& op) {
    const Weight& weight = graph_.weight(op.weight);
    if (weight.dtype == DType::kF32) {
      return at(op.input) + weight.columns * chip_.vxm.alu_latency_cycles;
    }
    return Product(op.input, weight, installed_with_.at(op.input.value), weight.columns);
  }
  std::int64_t Done(const Rope& op) { return at(op.input) + Vector(VxmOp::kRope, 1); }
  std::int64_t Done(const Attention& op) {
    const std::int64_t first =
        op.window == 0 ? 0 : std::max(0, position_ + 1 - op.window) / isa::kKvBlock;
    const std::int64_t blocks = blocks_ - first;
    const std::int64_t bytes =
        blocks * isa::kKvBlock * CeilDiv(op.kv_heads, group_) * (op.head_dim + op.value_dim) * 2;
    all_bytes_ += bytes;
    const std::int64_t chain = Vector(VxmOp::kToF16, 1) + Matrix(DType::kF16, op.head_dim) +
                               Vector(VxmOp::kSoftmaxStep, 1) + Matrix(DType::kF16, isa::kKvBlock) +
                               (blocks - 1) * isa::kKvBlock * chip_.mxm.chain_cycles +
                               Vector(VxmOp::kMultiplyRuns, 1);
    return std::max({at(op.query), at(op.key), at(op.value)}) +
           std::max(bytes * rows_ / chip_.install_bytes(), chain);
  }
  std::int64_t Done(const GateMul& op) {
    const std::int64_t columns = CeilDiv(graph_.columns[op.gate.index()], group_);
    return std::max(at(op.gate), at(op.up)) +
           Vector(VxmOp::kSiluMul, CeilDiv(columns, chip_.vxm.chains));
  }
  std::int64_t Done(const Add& op) {
    return std::max(at(op.left), at(op.right)) + Vector(VxmOp::kAdd, 1);
  }
  std::int64_t Done(const Scale& op) { return at(op.input) + Vector(VxmOp::kScale, 1); }
  std::int64_t Done(const Softcap& op) { return at(op.input) + Vector(VxmOp::kSoftcap, 1); }
  std::int64_t Done(const HeadSlice& op) { return at(op.input); }
  std::int64_t Done(const HeadConcat& op) { return std::max(at(op.left), at(op.right)); }
  std::int64_t Done(const Route& op) {
    isa::Vxm vxm{.op = VxmOp::kRoute, .chosen = static_cast<std::uint16_t>(op.chosen)};
    chosen_ = op.chosen;
    return at(op.logits) + isa::VxmTiming(chip_, vxm).latency_cycles;
  }
  // All experts of a token are installed through the same ports, twice the latency of a matrix.
  std::int64_t Done(const Experts& op) {
    const Weight &gate = graph_.weight(op.gate), &down = graph_.weight(op.down);
    const std::int64_t experts = graph_.columns[op.routes.index()];
    const std::int64_t bytes =
        Installed((2 * BytesOf(gate) + BytesOf(down)) / experts) * chosen_ * rows_;
    all_bytes_ += bytes;
    const std::int64_t start = std::max(at(op.input), at(op.routes));
    std::int64_t links = 0;
    if (group_ > 1) links = 2 * system_.levels[0].latency_cycles;
    return start + InstallCycles(bytes) + Vector(VxmOp::kQuantise, 1) +
           Matrix(gate.dtype, gate.columns) + Vector(VxmOp::kSiluMul, 1) +
           Vector(VxmOp::kQuantise, 1) + Matrix(down.dtype, down.columns) +
           chosen_ * Vector(VxmOp::kScaledAdd, 1) + links;
  }

  // The last word of a share, from chip to chip; those before it may go while it is computed.
  std::int64_t Gather() const { return system_.levels[0].latency_cycles + 2 * chip_.edge(); }

  const Graph& graph_;
  const System& system_;
  const Chip& chip_;
  std::int32_t group_, rows_;
  std::int64_t blocks_;
  std::int32_t position_, step_;
  GroupPlan plan_;
  std::vector<std::int64_t> done_;
  std::map<std::int32_t, std::int64_t> installed_with_;  // by input value: bytes of one chip
  std::int64_t all_bytes_ = 0;
  std::int64_t chosen_ = 1;
};

}  // namespace

std::int64_t LowerBound(const Graph& graph, const System& system, std::int32_t group,
                        std::int32_t stages, std::int32_t rows, std::int32_t position) {
  std::int64_t bound = Bound(graph, system, group, rows, position).Run();
  // A hand-over takes at least the latency of the shortest link: what crosses may be divided.
  std::int64_t least = 0;
  for (const SystemLevel& level : system.levels) {
    if (level.links_per_peer == 0) continue;
    if (least == 0 || level.latency_cycles < least) least = level.latency_cycles;
  }
  bound += (stages - 1) * least;
  return bound;
}

}  // namespace millrace::compiler

// Matrices: what a product needs before its tiles are placed (place_pieces.cc), and to whom its
// rows go (cut_pieces.cc).
#include <algorithm>

#include "base/ceil_div.h"
#include "base/check.h"
#include "compiler/linear_job.h"
#include "numerics/reference.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::VxmOp;

namespace {

// The form in which passes take activations.
int FormOf(DType dtype) { return IsQuantised(dtype) ? 0 : dtype == DType::kF16 ? 1 : 2; }

}  // namespace

Result<Tensor> Lowering::Prepare(const Tensor& x, DType dtype, std::int32_t first_row,
                                 std::int32_t rows) {
  const int form = FormOf(dtype);
  ValuePlan plan{.parts = x.layout.parts};
  MILLRACE_TRY(Tensor prepared, NewTensor(x.layout.elements(), plan, 2, {&x}));
  prepared.layout = x.layout;
  isa::Vxm vxm{.op = form == 0   ? VxmOp::kQuantise
                     : form == 1 ? VxmOp::kToF16
                                 : VxmOp::kToBF16,
               .x = 1};
  for (std::int32_t row = first_row; row < first_row + rows; ++row) {
    for (const StepRun& run : RunsOf(x)) PlaceVector(vxm, &x, nullptr, &prepared, row, run);
  }
  return prepared;
}

Result<const Tensor*> Lowering::PreparedInput(ValueId x, DType dtype) {
  const auto key = std::make_pair(x.value, FormOf(dtype));
  if (!prepared_.contains(key)) {
    if (value(x).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(x));
    MILLRACE_TRY(Tensor prepared, Prepare(value(x), dtype, 0, shape_.rows));
    prepared_.emplace(key, std::move(prepared));
  }
  return &prepared_.at(key);
}

Result<Tensor> Lowering::Multiply(LinearJob& job) {
  if (IsQuantised(job.weight->dtype) == false && job.weight->dtype != DType::kF16 &&
      job.weight->dtype != DType::kBF16) {
    return Unsupported(
        "{}: {} is {}, for which there is no matrix unit; quantise the model: millrace quantize IN "
        "OUT Q8_0",
        system_->name, job.weight->name, Name(job.weight->dtype));
  }
  MILLRACE_TRY(Tensor out, NewTensor(job.columns, job.plan, 4, {job.avoid}));
  std::vector<Piece> pieces = CutPieces(job);
  std::vector<std::int64_t> columns(planes_.size(), 0);
  for (Piece& piece : pieces) {  // to the plane that has least to do, and least in its slices
    for (std::int32_t p = 1; p < floorplan_.planes(); ++p) {
      const auto cost = [&](std::int32_t plane) {
        return std::make_pair(columns[static_cast<std::size_t>(plane)], tiles_.used(plane));
      };
      if (cost(p) < cost(piece.plane)) piece.plane = p;
    }
    columns[static_cast<std::size_t>(piece.plane)] += piece.columns;
  }
  PlacePieces(job, pieces, out);
  return out;
}

Result<void> Lowering::Lower(const Linear& op, ValueId id) {
  const Weight& weight = graph_->weight(op.weight);
  if (weight.dtype == DType::kF32) return LowerDot(op, id);
  if (value(op.input).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(op.input));
  if (value(op.input).layout.parts != op.groups) MILLRACE_TRY_VOID(Relayout(op.input, op.groups));
  MILLRACE_TRY(const Tensor* x, PreparedInput(op.input, weight.dtype));
  LinearJob job{.weight = &weight,
                .x = x,
                .rows = shape_.rows,
                .columns = graph_->columns[id.index()],
                .plan = plan_->value(id),
                .groups = op.groups,
                .bias = op.bias ? &graph_->weight(*op.bias) : nullptr};
  MILLRACE_TRY(Tensor out, Multiply(job));
  values_.insert_or_assign(id.value, std::move(out));
  return {};
}

}  // namespace millrace::compiler

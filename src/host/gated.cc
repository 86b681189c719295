#include "host/gated.h"

namespace millrace {
namespace {

auto GateKernel(const KernelTable& kernels, GateKind kind) {
  switch (kind) {
    case GateKind::kSilu:
      return kernels.silu_mul;
    case GateKind::kGelu:
      return kernels.gelu_mul;
    case GateKind::kClampedSwiglu:
      return kernels.clamped_swiglu_mul;
  }
  MILLRACE_CHECK(false);
  return kernels.silu_mul;
}

}  // namespace

void GateOwnColumns(const ThreadStep& step, const GatedRows& rows, GateKind kind,
                    const PreparedInput& input, std::size_t count, std::size_t first_row,
                    PreparedInput& product, std::size_t first) {
  const auto gate_mul = GateKernel(step.kernels, kind);
  ThreadScratch& own = step.own;
  for (const GatedPanel& panel : rows.panels) {
    const std::size_t width = panel.gate.packed.rows;
    step.Linear(panel.gate, input, count, own.gate, kFfnPanelRows);
    step.Linear(panel.up, input, count, own.up, kFfnPanelRows);
    for (std::size_t t = 0; t < count; ++t) {
      float* gate = own.gate + t * kFfnPanelRows;
      gate_mul(gate, own.up + t * kFfnPanelRows, width, gate);
      product.Prepare(step.kernels, gate, first + t, panel.gate.first_row - first_row, width);
    }
  }
}

}  // namespace millrace

// The VXM of the fast simulator: operands, states, and the operations that take time with kernels,
// which have the same bits (kernels/kernel_table.h).
#include <algorithm>
#include <cstring>

#include "sim/fast_run.h"
#include "sim/vxm_steps.h"

namespace millrace::sim {
namespace {

void Quantise(const KernelTable& kernels, const VxmStep& step) {
  float padded[1024];
  ActivationBlock blocks[1024 / kActivationBlock];
  const std::size_t n = (step.n + kActivationBlock - 1) / kActivationBlock * kActivationBlock;
  if (n > std::size(padded)) return StepConversion(step);
  std::copy_n(step.a.begin(), step.n, padded);
  std::fill(padded + step.n, padded + n, 0.0f);
  kernels.quantise(padded, n, blocks);
  for (std::size_t b = 0; b < n / kActivationBlock; ++b) {
    std::memcpy(step.out.data() + b * kActivationBlock, blocks[b].q, sizeof(blocks[b].q));
    std::memcpy(step.out.data() + step.work.vector_bytes + b * sizeof(float), &blocks[b].d,
                sizeof(float));
  }
}

// A part of a step whose elements have the same state.
template <typename Function>
void ForEachRun(const VxmStep& step, Function function) {
  const isa::Vxm& vxm = *step.work.vxm;
  const auto run = static_cast<std::size_t>(vxm.run);
  const auto begin = static_cast<std::size_t>(step.step * vxm.step_elements);
  for (std::size_t i = 0; i < step.n;) {
    const std::size_t number = (begin + i) / run;
    const std::size_t end = std::min((number + 1) * run - begin, step.n);
    function(step.work.states[number], i, end);
    i = end;
  }
}

void Normalise(const VxmStep& step, float* y) {
  ForEachRun(step, [&](float factor, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) y[i] = (step.a[i] * factor) * step.b[i];
  });
}

void MultiplyRuns(const KernelTable& kernels, const VxmStep& step, float* y) {
  ForEachRun(step, [&](float factor, std::size_t begin, std::size_t end) {
    kernels.scale(step.a.data() + begin, factor, end - begin, y + begin);
  });
}

void ScaledAdd(const KernelTable& kernels, const VxmStep& step, float* y) {
  std::memcpy(y, step.b.data(), step.n * sizeof(float));
  kernels.add_scaled(step.work.states[0], step.a.data(), step.n, y);
}

void ToF16(const KernelTable& kernels, const VxmStep& step) {
  constexpr std::size_t kMost = 1024;
  if (step.n > kMost) return StepConversion(step);
  float scaled[kMost];
  kernels.scale(step.a.data(), step.work.vxm->x, step.n, scaled);
  kernels.to_half(scaled, step.n, reinterpret_cast<std::uint16_t*>(step.out.data()));
}

void SoftmaxStep(const KernelTable& kernels, const VxmStep& step) {
  VxmWork& work = step.work;
  const Visible visible = VisibleOf(work);
  const auto row = static_cast<std::size_t>(step.step);
  float correction = 1;
  if (visible.begin < visible.end) {
    alignas(64) float scores[isa::kKvBlock];
    std::memcpy(scores, step.a.data(), sizeof(scores));
    correction = kernels.softmax_half(scores, visible.begin, visible.end, work.vxm->x,
                                      work.states[row], work.sums[row]);
    kernels.to_half(scores + visible.begin, visible.end - visible.begin,
                    reinterpret_cast<std::uint16_t*>(step.out.data()) + visible.begin);
  }
  const float two[] = {correction, work.first ? 1.0f : 0.0f};
  std::memcpy(step.out.data() + work.vector_bytes, two, sizeof(two));
}

}  // namespace

void StepVxmFast(const KernelTable& kernels, VxmWork& work, std::int64_t step,
                 std::span<const float> a, std::span<const float> b, std::span<std::byte> out) {
  using isa::VxmOp;
  const std::size_t n = StepElements(*work.vxm, step);
  const VxmStep one{work, step, n, a, b, out};
  float* y = reinterpret_cast<float*>(out.data());
  switch (work.vxm->op) {
    case VxmOp::kCopy:
      std::memcpy(y, a.data(), n * sizeof(float));
      return;
    case VxmOp::kScale:
      return kernels.scale(a.data(), work.vxm->x, n, y);
    case VxmOp::kAdd:
      return kernels.add(a.data(), b.data(), n, y);
    case VxmOp::kSoftcap:
      return kernels.softcap(a.data(), work.vxm->x, n, y);
    case VxmOp::kSiluMul:
      return kernels.silu_mul(a.data(), b.data(), n, y);
    case VxmOp::kGeluMul:
      return kernels.gelu_mul(a.data(), b.data(), n, y);
    case VxmOp::kClampedMul:
      return kernels.clamped_swiglu_mul(a.data(), b.data(), n, y);
    case VxmOp::kQuantise:
      return Quantise(kernels, one);
    case VxmOp::kScaledAdd:
      return ScaledAdd(kernels, one, y);
    case VxmOp::kNormalise:
      return Normalise(one, y);
    case VxmOp::kMultiplyRuns:
      return MultiplyRuns(kernels, one, y);
    case VxmOp::kToF16:
      return ToF16(kernels, one);
    case VxmOp::kSoftmaxStep:
      return SoftmaxStep(kernels, one);
    case VxmOp::kRope:
    case VxmOp::kSumSquares:
    case VxmOp::kToBF16:
    case VxmOp::kSoftmaxBegin:
    case VxmOp::kSoftmaxEnd:
    case VxmOp::kRoute:
    case VxmOp::kDot:
      return StepVxm(work, step, a, b, out);
  }
}

std::span<const float> FastRun::Gather(const std::byte* const* sources, std::size_t width,
                                       std::vector<float>& into) const {
  bool lie_together = width > 0 && sources[0] != nullptr;
  for (std::size_t v = 1; v < width; ++v) {
    lie_together = lie_together && sources[v] == sources[0] + v * vector_bytes();
  }
  if (lie_together) {
    return {reinterpret_cast<const float*>(sources[0]), width * vector_bytes() / sizeof(float)};
  }
  into.resize(width * vector_bytes() / sizeof(float));
  for (std::size_t v = 0; v < width; ++v) {
    if (sources[v] == nullptr) continue;
    std::memcpy(reinterpret_cast<std::byte*>(into.data()) + v * vector_bytes(), sources[v],
                vector_bytes());
  }
  return into;
}

void FinishVxmFast(const KernelTable& kernels, VxmWork& work) {
  const isa::Vxm& vxm = *work.vxm;
  const auto run = static_cast<std::size_t>(vxm.run);
  // The mean of a run that is cut off is still over a whole one.
  if (vxm.op != isa::VxmOp::kSumSquares || work.collected.size() != work.states.size() * run) {
    return FinishVxm(work);
  }
  for (std::size_t r = 0; r < work.states.size(); ++r) {
    work.states[r] = kernels.inverse_rms(work.collected.data() + r * run, vxm.x, run);
  }
}

void FastRun::BeginWork(const Operation& operation, VxmWork& work) {
  const isa::Vxm& vxm = *work.vxm;
  const ChipState& chip = chip_state(operation);
  const auto read = [&](StateRange range, std::vector<float>& into) {
    for (std::int32_t i = 0; range.reads && i < range.count; ++i) {
      into[static_cast<std::size_t>(i)] =
          chip.states[static_cast<std::size_t>(range.slot + i)].value;
    }
  };
  read(work.states_at, work.states);
  read(work.sums_at, work.sums);
  work.collected.clear();
  work.collected_b.clear();
  work.chosen.clear();
  if (vxm.op != isa::VxmOp::kSoftmaxStep) return;
  const auto& registers = registers_[static_cast<std::size_t>(operation.chip)];
  work.position = registers[static_cast<std::size_t>(vxm.position)];
  work.first = operation.issue.iteration == 0;
  work.first_position = isa::kKvBlock * (registers[static_cast<std::size_t>(vxm.first_block)] +
                                         operation.issue.iteration);
}

void FastRun::FinishWork(const Operation& operation, VxmWork& work) {
  const isa::Vxm& vxm = *work.vxm;
  ChipState& chip = chip_state(operation);
  FinishVxmFast(kernels_, work);
  const auto write = [&](StateRange range, const std::vector<float>& from) {
    for (std::int32_t i = 0; range.writes && i < range.count; ++i) {
      chip.states[static_cast<std::size_t>(range.slot + i)].value =
          from[static_cast<std::size_t>(i)];
    }
  };
  write(work.states_at, work.states);
  write(work.sums_at, work.sums);
  for (std::size_t i = 0; i < work.chosen.size(); ++i) {
    registers_[static_cast<std::size_t>(operation.chip)]
              [static_cast<std::size_t>(vxm.first_block) + i] = work.chosen[i];
  }
}

void FastRun::Do(const Operation& operation, const isa::Vxm& vxm, std::int32_t step) {
  VxmWork& work = flow_.work[static_cast<std::size_t>(operation.work)];
  if (step == 0) BeginWork(operation, work);
  const std::byte* const* sources = SourcesOf(operation, step);
  const std::size_t a_width = vxm.a ? vxm.a->streams.width : 0;
  const std::size_t b_width = vxm.b ? vxm.b->streams.width : 0;
  const auto a = Gather(sources, a_width, a_), b = Gather(sources + a_width, b_width, b_);
  const bool one_result = vxm.op == isa::VxmOp::kDot;
  std::byte* out =
      operation.out == nullptr
          ? nullptr
          : operation.out + (one_result ? 0 : static_cast<std::size_t>(step) * operation.out_bytes);
  if (out != nullptr) std::memset(out, 0, operation.out_bytes);
  StepVxmFast(kernels_, work, step, a, b, {out, operation.out_bytes});
  if (step + 1 == operation.steps.count) FinishWork(operation, work);
}

}  // namespace millrace::sim

// Binary32 matrices of few rows (routers of experts): on the VXM, one input element a step.
//
// There is no matrix unit for binary32. A router is small, and files keep it so; anything larger is
// refused with the advice to quantise.
#include <algorithm>

#include "base/ceil_div.h"
#include "compiler/lowering.h"
#include "numerics/reference.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;

Result<void> Lowering::LowerDot(const Linear& op, ValueId id) {
  const Chip& chip = floorplan_.chip();
  const Weight& weight = graph_->weight(op.weight);
  const auto rows = static_cast<std::int32_t>(weight.rows);
  const auto columns = static_cast<std::int32_t>(weight.columns);
  if (op.groups != 1 || rows > step_elements_) {
    return Unsupported(
        "{}: {} is F32 with {} rows, for which there is no matrix unit; quantise the model: "
        "millrace quantize IN OUT Q8_0",
        system_->name, weight.name, weight.rows);
  }
  if (value(op.input).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(op.input));
  if (value(op.input).layout.parts != 1) MILLRACE_TRY_VOID(Relayout(op.input, 1));
  const Tensor& x = value(op.input);
  MILLRACE_TRY(Tensor out, NewTensor(rows, ValuePlan{}, 4, {&x}));
  // ---- the transposed matrix: a step for every k
  const Layout by_k{.parts = columns, .part_elements = rows, .step_elements = step_elements_};
  std::vector<std::vector<float>> values;
  if (!weight.bytes.empty()) {
    std::vector<float> all(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    reference::DequantiseRow(weight.dtype, weight.bytes.data(), all);
    std::vector<float> turned(all.size());
    for (std::int32_t r = 0; r < rows; ++r) {
      for (std::int32_t k = 0; k < columns; ++k) {
        turned[static_cast<std::size_t>(k * rows + r)] =
            all[static_cast<std::size_t>(r * columns + k)];
      }
    }
    values.assign(static_cast<std::size_t>(kept_values()), turned);
  }
  const Tensor& matrix = constants_.Add(weight.name + " turned", by_k, values);
  const Tensor* bias = nullptr;
  if (op.bias) bias = &ConstantLike(graph_->weight(*op.bias).name, graph_->weight(*op.bias), out);
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    isa::Vxm vxm{.op = isa::VxmOp::kDot,
                 .to = isa::ResultSides::kBoth,
                 .count = static_cast<std::uint16_t>(columns),
                 .elements = rows,
                 .step_elements = rows,
                 .run = step_elements_};
    const isa::StepTiming timing = isa::VxmTiming(chip, vxm);
    const std::int32_t words = CeilDiv(rows, word_elements());
    const std::int32_t reach =
        chip.mem.read_latency_cycles + chip.slice_position(x.group * kGroupSlices + 3);
    std::int64_t ready = 0;
    for (std::int32_t s = 0; s < x.layout.steps(); ++s) {
      ready = std::max(ready, x.ready_at(row, s) + reach -
                                  std::int64_t{s} * step_elements_ * timing.interval_cycles);
    }
    const std::int32_t done = (columns - 1) * timing.interval_cycles + timing.latency_cycles;
    std::int32_t readable = 0;
    std::vector<Task> tasks;
    for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
      Task task(floorplan_);
      const std::uint8_t in = NextInward(), to = NextOutward();
      vxm.a = isa::Operand{Hemisphere::kWest, {in, 1}};
      vxm.b = isa::Operand{Hemisphere::kEast, {in, static_cast<std::uint8_t>(words)}};
      vxm.out = {to, static_cast<std::uint8_t>(words)};
      for (std::int32_t k = 0; k < columns;) {
        const std::int32_t within = k % step_elements_;
        const std::int32_t word = within / word_elements();
        const std::int32_t end = std::min(
            {columns, k - within + step_elements_, k - within + (word + 1) * word_elements()});
        task.Read(Hemisphere::kWest, x.group * kGroupSlices + word,
                  {.address = {.base = x.address(row, k / step_elements_)},
                   .count = end - k,
                   .stride = 0,
                   .interval = timing.interval_cycles,
                   .stream = in},
                  0, k * timing.interval_cycles);
        k = end;
      }
      for (std::int32_t j = 0; j < words; ++j) {
        task.Read(Hemisphere::kEast, kConstantGroup * kGroupSlices + j,
                  {.address = {.base = matrix.word},
                   .count = columns,
                   .interval = timing.interval_cycles,
                   .stream = static_cast<std::uint8_t>(in + j)},
                  0, 0);
        for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
          const std::int32_t slice = out.group * kGroupSlices + j;
          task.Carry(side, Flow::kOutward, to + j, 0, chip.slice_position(slice), done, 1);
          readable = std::max(readable,
                              task.Write(side, slice,
                                         {.address = {.base = out.address(row, 0)},
                                          .stream = static_cast<std::uint8_t>(to + j),
                                          .flow = Flow::kOutward,
                                          .end_byte = static_cast<std::uint16_t>(chip.vector_bytes),
                                          .take = true},
                                         0, done));
        }
      }
      task.Vxm(chain, vxm, 0);
      tasks.push_back(std::move(task));
    }
    out.ready_at(row, 0) = section().PlaceEarliest(tasks, ready).base + readable;
  }
  if (bias == nullptr) {
    values_.insert_or_assign(id.value, std::move(out));
    return {};
  }
  MILLRACE_TRY(Tensor sum, NewTensor(rows, ValuePlan{}, 4, {&out}));
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    PlaceVector({.op = isa::VxmOp::kAdd}, &out, bias, &sum, row, RunsOf(out).front());
  }
  Free(out);
  values_.insert_or_assign(id.value, std::move(sum));
  return {};
}

}  // namespace millrace::compiler

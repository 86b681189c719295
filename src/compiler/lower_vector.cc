// Operations of the VXM: element by element, norms, turning by position, the choice of experts.
#include <algorithm>

#include "base/ceil_div.h"
#include "base/check.h"
#include "compiler/lowering.h"
#include "numerics/reference.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::VxmOp;

namespace {

isa::ResultSides SidesOf(const Tensor* out) {
  return out == nullptr ? isa::ResultSides::kNone : isa::ResultSides::kBoth;
}

// The vectors of one step: how many of `group` streams carry something.
struct StepVectors {
  std::int32_t full = 0, last = 0;  // of a full step, of the last one
  std::int32_t max() const { return std::max(full, last); }
  // Steps of `count` in which vector j is there.
  std::int32_t count(std::int32_t j, std::int32_t steps) const {
    return steps - 1 + (j < last ? 1 : 0) - (j < full ? 0 : steps - 1);
  }
};

}  // namespace

std::vector<Lowering::StepRun> Lowering::RunsOf(const Tensor& tensor) const {
  const Layout& layout = tensor.layout;
  const bool one = layout.parts == 1 || layout.part_elements <= layout.step_elements;
  std::vector<StepRun> runs;
  for (std::int32_t part = 0; part < (one ? 1 : layout.parts); ++part) {
    StepRun run{
        .first = part * layout.steps_per_part(),
        .count = one ? layout.steps() : layout.steps_per_part(),
        .elements = one ? static_cast<std::int32_t>(layout.elements()) : layout.part_elements,
        .member_elements = {}};
    if (tensor.spread == Spread::kParts || tensor.spread == Spread::kLocal) {
      for (const Range& share : tensor.shares) {
        std::int32_t elements = 0;
        if (tensor.spread == Spread::kLocal) {
          elements = plan_->ElementsOf({0, share.size()}, 1 << 30).size();
        } else {
          elements = one ? share.size() * layout.part_elements
                         : (part < share.size() ? layout.part_elements : 0);
        }
        run.member_elements.push_back(elements);
      }
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

// One instruction with the reads of its operands and the writes of its result. West brings a, east
// brings b; the result goes to both.
std::int64_t Lowering::PlaceVector(isa::Vxm vxm, const Tensor* a, const Tensor* b, Tensor* out,
                                   std::int32_t row, const StepRun& run, std::int64_t ready) {
  const Chip& chip = floorplan_.chip();
  const Layout& layout = a != nullptr ? a->layout : b->layout;
  vxm.step_elements = layout.step_elements;
  vxm.count = static_cast<std::uint16_t>(run.count);
  vxm.elements = run.elements;
  const isa::StepTiming timing = isa::VxmTiming(chip, vxm);
  const bool narrow_out =
      vxm.op == VxmOp::kQuantise || vxm.op == VxmOp::kToF16 || vxm.op == VxmOp::kToBF16;
  // ---- when
  std::int64_t base = ready;
  const auto wait_for = [&](const Tensor* t, bool repeated) {
    if (t == nullptr || t->group == kConstantGroup) return;
    const std::int32_t reach =
        chip.mem.read_latency_cycles + chip.slice_position(t->group * kGroupSlices + 3);
    for (std::int32_t i = 0; i < run.count; ++i) {
      base = std::max(base, t->ready_at(row, repeated ? 0 : run.first + i) + reach -
                                std::int64_t{i} * timing.interval_cycles);
    }
  };
  wait_for(a, false);
  wait_for(b, false);
  // ---- what, for one choice of streams and chain
  const auto read = [&](Task& task, const Tensor& t, Hemisphere side, std::uint8_t stream,
                        const StepVectors& vectors, std::int32_t count, bool repeated) {
    for (std::int32_t j = 0; j < vectors.max(); ++j) {
      const std::int32_t steps = repeated ? count : vectors.count(j, count);
      if (steps <= 0) continue;
      isa::Read words_read{
          .address = {.base = t.address(t.rows == 1 ? 0 : row, repeated ? 0 : run.first)},
          .count = steps,
          .stride = repeated ? 0 : 1,
          .interval = timing.interval_cycles,
          .stream = static_cast<std::uint8_t>(stream + j),
          .flow = Flow::kInward};
      task.Read(side, t.group * kGroupSlices + j, words_read, 0, 0);
    }
  };
  const auto words = [&](std::int32_t elements) { return CeilDiv(elements, word_elements()); };
  std::int32_t readable = 0;  // of step 0 of the result
  const auto body = [&](Task& task, std::int32_t member, std::int32_t elements, std::int32_t chain,
                        std::uint8_t in, std::uint8_t to) {
    const std::int32_t count = CeilDiv(elements, layout.step_elements);
    if (count == 0) return;
    const std::int32_t last = elements - (count - 1) * layout.step_elements;
    const StepVectors operand{words(std::min(layout.step_elements, elements)), words(last)};
    isa::Vxm mine = vxm;
    mine.count = static_cast<std::uint16_t>(count);
    mine.elements = elements;
    mine.step_elements = std::min(layout.step_elements, elements);
    const Hemisphere a_side =
        a != nullptr && a->group == kConstantGroup ? Hemisphere::kEast : Hemisphere::kWest;
    if (a != nullptr) {
      mine.a = isa::Operand{a_side, {in, static_cast<std::uint8_t>(operand.max())}};
      read(task, *a, a_side, in, operand, count, false);
    }
    if (b != nullptr) {
      const bool angles = vxm.op == VxmOp::kRope;
      const StepVectors other =
          angles ? StepVectors{words(2 * vxm.pairs), words(2 * vxm.pairs)} : operand;
      mine.b = isa::Operand{Hemisphere::kEast, {in, static_cast<std::uint8_t>(other.max())}};
      read(task, *b, Hemisphere::kEast, in, other, count, angles);
    }
    mine.to = SidesOf(out);
    StepVectors result = operand;
    if (vxm.op == VxmOp::kQuantise) result = {2, 2};
    if (narrow_out && vxm.op != VxmOp::kQuantise) {
      result = {CeilDiv(operand.full == 0 ? 0 : std::min(layout.step_elements, elements),
                        2 * word_elements()),
                CeilDiv(last, 2 * word_elements())};
    }
    mine.out = {to, static_cast<std::uint8_t>(result.max())};
    if (out != nullptr) {
      const std::int32_t shift = FirstWord(*out, std::max(0, member)) % 4;
      const std::int32_t first = FirstWord(*out, std::max(0, member)) / 4 + run.first;
      for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
        for (std::int32_t j = 0; j < result.max(); ++j) {
          const std::int32_t steps = result.count(j, count);
          if (steps <= 0) continue;
          const std::int32_t slice = out->group * kGroupSlices + (shift + j) % 4;
          isa::Write write{.address = {.base = out->address(row, first + (shift + j) / 4)},
                           .count = steps,
                           .interval = timing.interval_cycles,
                           .stream = static_cast<std::uint8_t>(to + j),
                           .flow = Flow::kOutward,
                           .end_byte = static_cast<std::uint16_t>(chip.vector_bytes),
                           .take = true};
          task.Carry(side, Flow::kOutward, to + j, 0, chip.slice_position(slice),
                     timing.latency_cycles, steps, timing.interval_cycles);
          readable = std::max(readable, task.Write(side, slice, write, 0, timing.latency_cycles));
        }
      }
    }
    task.Vxm(chain, mine, 0);
  };
  const bool by_member =
      !run.member_elements.empty() || (out != nullptr && out->spread == Spread::kInPlace);
  std::vector<Task> tasks;
  for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
    for (int variant = 0; variant < 2; ++variant) {
      const std::uint8_t in = NextInward(), to = NextOutward();
      Task task(floorplan_);
      if (!by_member) {
        body(task, kAllChips, run.elements, chain, in, to);
      } else {
        for (std::int32_t m = 0; m < members(); ++m) {
          task.SetMember(m);
          body(task, m,
               run.member_elements.empty() ? run.elements
                                           : run.member_elements[static_cast<std::size_t>(m)],
               chain, in, to);
        }
      }
      tasks.push_back(std::move(task));
    }
  }
  base = section().PlaceEarliest(tasks, base).base;
  if (out != nullptr) {
    const bool in_place = out->spread == Spread::kInPlace;
    const std::int32_t per_row =
        static_cast<std::int32_t>(out->ready.size()) / std::max(1, out->rows);
    for (std::int32_t i = 0; i < run.count; ++i) {
      const std::int64_t at = base + readable + std::int64_t{i} * timing.interval_cycles;
      if (!in_place) {
        auto& r = out->ready_at(row, run.first + i);
        r = std::max(r, at);
        continue;
      }
      for (std::int32_t w = 0; w < 4 && (run.first + i) * 4 + w < per_row; ++w) {
        auto& r = out->ready[static_cast<std::size_t>(row * per_row + (run.first + i) * 4 + w)];
        r = std::max(r, at);
      }
    }
  }
  return base;
}

Result<void> Lowering::Elementwise(isa::Vxm vxm, ValueId a, std::optional<ValueId> b, ValueId id) {
  for (const ValueId input : {a, b.value_or(a)}) {
    if (value(input).spread == Spread::kInPlace) MILLRACE_TRY_VOID(MakeWhole(input));
  }
  if (b && value(*b).layout != value(a).layout) {
    MILLRACE_TRY_VOID(Relayout(*b, value(a).layout.parts));
  }
  const Tensor* left = &value(a);
  const Tensor* right = b ? &value(*b) : nullptr;
  ValuePlan plan = plan_->value(id);
  plan.parts = left->spread == Spread::kParts ? plan.parts : left->layout.parts;
  MILLRACE_TRY(Tensor out, NewTensor(graph_->columns[id.index()], plan, 4, {left, right}));
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    for (const StepRun& run : RunsOf(*left)) PlaceVector(vxm, left, right, &out, row, run);
  }
  values_.insert_or_assign(id.value, std::move(out));
  return {};
}

const Tensor& Lowering::ConstantLike(const std::string& name, const Weight& weight,
                                     const Tensor& like) {
  const auto columns = static_cast<std::size_t>(weight.rows * weight.columns);
  std::vector<std::vector<float>> values;
  if (!weight.bytes.empty() && kept_values() > 0) {
    std::vector<float> all(columns);
    reference::DequantiseRow(weight.dtype, weight.bytes.data(), all);
    std::vector<float> repeated;
    while (repeated.size() < static_cast<std::size_t>(like.layout.elements())) {
      repeated.insert(repeated.end(), all.begin(), all.end());
    }
    repeated.resize(static_cast<std::size_t>(like.layout.elements()));
    values.assign(static_cast<std::size_t>(kept_values()), repeated);
  }
  return constants_.Add(
      fmt::format("{} as {}x{}", name, like.layout.parts, like.layout.part_elements), like.layout,
      values);
}

Result<void> Lowering::Lower(const Embed&, ValueId id) {
  if (values_.contains(id.value)) return {};
  MILLRACE_TRY([[maybe_unused]] Tensor * place, Reserve(id));
  return {};
}

Result<void> Lowering::Lower(const RmsNorm& op, ValueId id) {
  const Weight& weight = graph_->weight(op.weight);
  const bool by_parts = weight.columns != graph_->columns[op.input.index()];
  if (value(op.input).spread == Spread::kInPlace ||
      (!by_parts && value(op.input).spread != Spread::kWhole)) {
    MILLRACE_TRY_VOID(MakeWhole(op.input));
  }
  const auto parts = static_cast<std::int32_t>(graph_->columns[op.input.index()] / weight.columns);
  if (value(op.input).spread == Spread::kWhole && value(op.input).layout.parts != parts) {
    MILLRACE_TRY_VOID(Relayout(op.input, parts));
  }
  const Tensor& x = value(op.input);
  ValuePlan plan = plan_->value(id);
  plan.parts = parts;
  MILLRACE_TRY(Tensor out, NewTensor(graph_->columns[id.index()], plan, 4, {&x}));
  const Tensor& gain = ConstantLike(weight.name, weight, x);
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    std::int32_t slot = next_state_;
    next_state_ = (next_state_ + parts) % (floorplan_.chip().vxm.states / 2);
    for (const StepRun& run : RunsOf(x)) {
      isa::Vxm sum{
          .op = VxmOp::kSumSquares, .x = op.eps, .slot = slot, .run = x.layout.part_elements};
      const std::int64_t base = PlaceVector(sum, &x, nullptr, nullptr, row, run);
      sum.count = static_cast<std::uint16_t>(run.count);
      sum.step_elements = x.layout.step_elements;
      const isa::StepTiming timing = isa::VxmTiming(floorplan_.chip(), sum);
      const std::int64_t ready =
          base + std::int64_t{run.count - 1} * timing.interval_cycles + timing.latency_cycles;
      const isa::Vxm scale{.op = VxmOp::kNormalise, .slot = slot, .run = x.layout.part_elements};
      PlaceVector(scale, &x, &gain, &out, row, run, ready);
      if (run.count < x.layout.steps()) ++slot;  // a run a part
    }
  }
  values_.insert_or_assign(id.value, std::move(out));
  return {};
}

Result<void> Lowering::Lower(const Rope& op, ValueId id) {
  const auto parts = static_cast<std::int32_t>(graph_->columns[op.input.index()] / op.head_dim);
  if (value(op.input).spread == Spread::kInPlace) MILLRACE_TRY_VOID(MakeWhole(op.input));
  if (value(op.input).spread == Spread::kWhole && value(op.input).layout.parts != parts) {
    MILLRACE_TRY_VOID(Relayout(op.input, parts));
  }
  const auto pairs =
      static_cast<std::int32_t>(graph_->rope_tables[op.table.index()].frequencies.size());
  if (op.head_dim > step_elements_ && parts >= 1) {
    return Unsupported("{}: heads of {} dimensions are turned, wanted at most {}", system_->name,
                       op.head_dim, step_elements_);
  }
  const Tensor& x = value(op.input);
  ValuePlan plan = plan_->value(id);
  plan.parts = parts;
  MILLRACE_TRY(Tensor out, NewTensor(graph_->columns[id.index()], plan, 4, {&x}));
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    const auto key = std::make_pair(op.table.value, row);
    if (!rope_inputs_.contains(key)) {
      rope_inputs_.emplace(
          key, constants_.Reserve(
                   {.parts = 1, .part_elements = 2 * pairs, .step_elements = step_elements_}));
    }
    const isa::Vxm turn{.op = VxmOp::kRope,
                        .first = static_cast<std::uint16_t>(op.first),
                        .pairs = static_cast<std::uint16_t>(pairs),
                        .turned = op.pairs == RopePairs::kAdjacent ? isa::TurnedPairs::kAdjacent
                                                                   : isa::TurnedPairs::kHalves};
    for (const StepRun& run : RunsOf(x)) {
      PlaceVector(turn, &x, &rope_inputs_.at(key), &out, row, run);
    }
  }
  values_.insert_or_assign(id.value, std::move(out));
  return {};
}

Result<void> Lowering::Lower(const GateMul& op, ValueId id) {
  isa::Vxm vxm;
  switch (op.kind) {
    case GateKind::kSilu:
      vxm.op = VxmOp::kSiluMul;
      break;
    case GateKind::kGelu:
      vxm.op = VxmOp::kGeluMul;
      break;
    case GateKind::kClampedSwiglu:
      vxm.op = VxmOp::kClampedMul;
      break;
  }
  return Elementwise(vxm, op.gate, op.up, id);
}

Result<void> Lowering::Lower(const Add& op, ValueId id) {
  return Elementwise({.op = VxmOp::kAdd}, op.left, op.right, id);
}

Result<void> Lowering::Lower(const Scale& op, ValueId id) {
  return Elementwise({.op = VxmOp::kScale, .x = op.factor}, op.input, std::nullopt, id);
}

Result<void> Lowering::Lower(const Softcap& op, ValueId id) {
  return Elementwise({.op = VxmOp::kSoftcap, .x = op.cap}, op.input, std::nullopt, id);
}

Result<void> Lowering::Lower(const Route& op, ValueId id) {
  if (value(op.logits).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(op.logits));
  const Tensor& logits = value(op.logits);
  const Tensor* bias = nullptr;
  if (op.selection_bias) {
    const Weight& weight = graph_->weight(*op.selection_bias);
    bias = &ConstantLike(weight.name, weight, logits);
  }
  isa::Vxm vxm{.op = VxmOp::kRoute,
               .x = op.scale,
               .chosen = static_cast<std::uint16_t>(op.chosen),
               .groups = static_cast<std::uint16_t>(op.groups),
               .chosen_groups = static_cast<std::uint16_t>(op.chosen_groups),
               .weighting = static_cast<isa::RouteWeighting>(op.weights),
               .normalise = op.normalise};
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    Routed routed{.experts = registers_->AddRouted(row, op.chosen),
                  .states = next_state_,
                  .chosen = op.chosen};
    next_state_ = (next_state_ + op.chosen) % (floorplan_.chip().vxm.states / 2);
    vxm.first_block = routed.experts;
    vxm.slot = routed.states;
    const StepRun run = RunsOf(logits).front();
    const std::int64_t base = PlaceVector(vxm, &logits, bias, nullptr, row, run);
    vxm.count = static_cast<std::uint16_t>(run.count);
    const isa::StepTiming timing = isa::VxmTiming(floorplan_.chip(), vxm);
    routed.ready =
        base + std::int64_t{run.count - 1} * timing.interval_cycles + timing.latency_cycles;
    routed_.insert_or_assign({id.value, row}, routed);
  }
  return {};
}

}  // namespace millrace::compiler

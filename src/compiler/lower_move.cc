// Moving elements: parts of heads through the SXM, shares of other chips over links.
#include <algorithm>

#include "base/ceil_div.h"
#include "base/check.h"
#include "compiler/lowering.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;

// Elements [from_element, + count) of a part of one tensor become those from to_element on of a
// part of another. Cut where a step of either ends; each cut goes west out to the SXM, is shifted
// there, and comes back through the VXM to both hemispheres.
Result<void> Lowering::MoveElements(const Tensor& from, std::int32_t from_part,
                                    std::int32_t from_element, Tensor& to, std::int32_t to_part,
                                    std::int32_t to_element, std::int32_t count, std::int32_t row) {
  const Chip& chip = floorplan_.chip();
  while (count > 0) {
    const Layout &a = from.layout, &b = to.layout;
    const std::int32_t a_lane = from_element % a.step_elements;
    const std::int32_t b_lane = to_element % b.step_elements;
    const std::int32_t n = std::min({count, a.step_elements - a_lane, b.step_elements - b_lane});
    const std::int32_t a_step = from_part * a.steps_per_part() + from_element / a.step_elements;
    const std::int32_t b_step = to_part * b.steps_per_part() + to_element / b.step_elements;
    const std::int32_t in_words = CeilDiv(a_lane + n, word_elements());
    const std::int32_t out_words = CeilDiv(b_lane + n, word_elements());
    const bool ends = to_element + n == b.part_elements;
    if (b_lane * 4 % chip.superlane_bytes != 0 ||
        (!ends && (b_lane + n) * 4 % chip.superlane_bytes != 0)) {
      return Unsupported("{}: {} elements are to begin at {} of a head, wanted a multiple of 4",
                         system_->name, n, to_element);
    }
    const std::int32_t reach =
        chip.mem.read_latency_cycles + chip.edge() - chip.slice_position(from.group * kGroupSlices);
    const std::int32_t at_vxm = chip.sxm.latency_cycles + chip.edge();
    isa::Vxm copy{.op = isa::VxmOp::kCopy,
                  .to = isa::ResultSides::kBoth,
                  .elements = out_words * word_elements(),
                  .step_elements = out_words * word_elements()};
    const isa::StepTiming timing = isa::VxmTiming(chip, copy);
    std::int32_t readable = 0;
    std::vector<Task> tasks;
    for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
      Task task(floorplan_);
      const std::uint8_t out = NextOutward(), back = NextInward(), to_stream = NextOutward();
      for (std::int32_t j = 0; j < in_words; ++j) {
        task.Read(Hemisphere::kWest, from.group * kGroupSlices + j,
                  {.address = {.base = from.address(row, a_step)},
                   .stream = static_cast<std::uint8_t>(out + j),
                   .flow = Flow::kOutward},
                  chip.edge(), 0);
      }
      task.Shift(Hemisphere::kWest,
                 {.in = {out, static_cast<std::uint8_t>(in_words)},
                  .out = {back, static_cast<std::uint8_t>(out_words)},
                  .from = static_cast<std::uint16_t>(a_lane * 4),
                  .to = static_cast<std::uint16_t>(b_lane * 4),
                  .bytes = static_cast<std::uint16_t>(n * 4)},
                 0);
      copy.a = isa::Operand{Hemisphere::kWest, {back, static_cast<std::uint8_t>(out_words)}};
      copy.out = {to_stream, static_cast<std::uint8_t>(out_words)};
      task.Vxm(chain, copy, at_vxm);
      for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
        for (std::int32_t j = b_lane / word_elements(); j < out_words; ++j) {
          const std::int32_t slice = to.group * kGroupSlices + j;
          const std::int32_t first = std::max(0, b_lane * 4 - j * chip.vector_bytes);
          const std::int32_t end =
              std::min(chip.vector_bytes, (b_lane + n) * 4 - j * chip.vector_bytes);
          task.Carry(side, Flow::kOutward, to_stream + j, 0, chip.slice_position(slice),
                     at_vxm + timing.latency_cycles, 1);
          readable = std::max(
              readable,
              task.Write(side, slice,
                         {.address = {.base = to.address(row, b_step)},
                          .stream = static_cast<std::uint8_t>(to_stream + j),
                          .flow = Flow::kOutward,
                          .first_byte = static_cast<std::uint16_t>(first),
                          .end_byte = static_cast<std::uint16_t>(ends ? chip.vector_bytes : end),
                          .take = true},
                         0, at_vxm + timing.latency_cycles));
        }
        // Words of the group that carry nothing still leave the VXM.
        for (std::int32_t j = 0; j < b_lane / word_elements(); ++j) {
          task.Carry(side, Flow::kOutward, to_stream + j, 0, chip.edge(),
                     at_vxm + timing.latency_cycles, 1);
        }
      }
      tasks.push_back(std::move(task));
    }
    const std::int64_t base =
        section().PlaceEarliest(tasks, from.ready_at(row, a_step) + reach).base;
    auto& ready = to.ready_at(row, b_step);
    ready = std::max(ready, base + readable);
    from_element += n;
    to_element += n;
    count -= n;
  }
  return {};
}

Result<void> Lowering::Relayout(ValueId id, std::int32_t parts) {
  if (value(id).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(id));
  const Tensor from = value(id);
  ValuePlan plan{.parts = parts};
  MILLRACE_TRY(Tensor to, NewTensor(from.layout.elements(), plan, 4, {&from}));
  const auto columns = static_cast<std::int32_t>(from.layout.elements());
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    for (std::int32_t e = 0; e < columns;) {
      const std::int32_t a = e % from.layout.part_elements, b = e % to.layout.part_elements;
      const std::int32_t n = std::min(from.layout.part_elements - a, to.layout.part_elements - b);
      MILLRACE_TRY_VOID(MoveElements(from, e / from.layout.part_elements, a, to,
                                     e / to.layout.part_elements, b, n, row));
      e += n;
    }
  }
  Free(from);
  values_.insert_or_assign(id.value, std::move(to));
  for (int form = 0; form < 3; ++form) {
    if (const auto old = prepared_.find({id.value, form}); old != prepared_.end()) {
      Free(old->second);
      prepared_.erase(old);
    }
  }
  return {};
}

Result<void> Lowering::Lower(const HeadSlice& op, ValueId id) {
  if (value(op.input).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(op.input));
  if (value(op.input).layout.parts != op.heads) MILLRACE_TRY_VOID(Relayout(op.input, op.heads));
  const Tensor from = value(op.input);
  MILLRACE_TRY(Tensor to,
               NewTensor(graph_->columns[id.index()], ValuePlan{.parts = op.heads}, 4, {&from}));
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    for (std::int32_t h = 0; h < op.heads; ++h) {
      MILLRACE_TRY_VOID(MoveElements(from, h, op.begin, to, h, 0, op.size, row));
    }
  }
  values_.insert_or_assign(id.value, std::move(to));
  return {};
}

Result<void> Lowering::Lower(const HeadConcat& op, ValueId id) {
  const auto columns = static_cast<std::int32_t>(graph_->columns[id.index()]);
  MILLRACE_TRY(Tensor to, NewTensor(columns, ValuePlan{.parts = op.heads}, 4, {}));
  std::int32_t offset = 0;
  for (const ValueId input : {op.left, op.right}) {
    if (value(input).spread != Spread::kWhole) MILLRACE_TRY_VOID(MakeWhole(input));
    if (value(input).layout.parts != op.heads) MILLRACE_TRY_VOID(Relayout(input, op.heads));
    const Tensor from = value(input);
    for (std::int32_t row = 0; row < shape_.rows; ++row) {
      for (std::int32_t h = 0; h < op.heads; ++h) {
        MILLRACE_TRY_VOID(MoveElements(from, h, 0, to, h, offset, from.layout.part_elements, row));
      }
    }
    offset += from.layout.part_elements;
  }
  values_.insert_or_assign(id.value, std::move(to));
  return {};
}

// Every chip sends the words of its share to every other one: word i to the chip d places further,
// for all chips at the same time. The links between two chips take turns.
Result<void> Lowering::MakeWhole(ValueId id) {
  Tensor& tensor = value(id);
  if (tensor.spread == Spread::kWhole) return {};
  if (tensor.spread != Spread::kInPlace) {
    return Unsupported("{}: %{} is divided over chips in a way that cannot be put together",
                       system_->name, id.value);
  }
  GatherRows(tensor, 0, tensor.rows);
  return {};
}

void Lowering::GatherRows(Tensor& tensor, std::int32_t first_row, std::int32_t rows) {
  if (tensor.spread == Spread::kWhole) return;
  const Chip& chip = floorplan_.chip();
  const std::int32_t g = members();
  const std::int32_t per_row = static_cast<std::int32_t>(tensor.ready.size()) / tensor.rows;
  Tensor whole = tensor;
  whole.spread = Spread::kWhole;
  whole.shares.clear();
  whole.ready.assign(static_cast<std::size_t>(tensor.rows * tensor.layout.steps()), 0);
  const auto first_chip = group_first_chip_;
  for (std::int32_t row = first_row; row < first_row + rows; ++row) {
    for (std::int32_t i = 0; i < per_row; ++i) {
      const std::int64_t own_ready = tensor.ready[static_cast<std::size_t>(row * per_row + i)];
      for (std::int32_t m = 0; m < g; ++m) {
        const std::int32_t step = (FirstWord(tensor, m) + i) / 4;
        if (step >= tensor.layout.steps()) continue;
        auto& ready = whole.ready_at(row, step);
        ready = std::max(ready, own_ready);
      }
      for (std::int32_t d = 1; d < g; ++d) {
        std::vector<Task> tasks;
        std::int32_t readable = 0;
        for (std::int32_t variant = 0; variant < 4; ++variant) {
          Task task(floorplan_);
          const std::uint8_t out = NextOutward(), in = NextInward();
          const Hemisphere side = variant % 2 == 0 ? Hemisphere::kWest : Hemisphere::kEast;
          for (std::int32_t m = 0; m < g; ++m) {
            const Range share = tensor.shares[static_cast<std::size_t>(m)];
            const std::int32_t word = FirstWord(tensor, m) + i;
            if (share.size() == 0 || word > WordOf(share.end - 1)) continue;
            const std::int32_t peer = (m + d) % g;
            const auto links = system_->LinksBetween(first_chip + m, first_chip + peer);
            const auto back = system_->LinksBetween(first_chip + peer, first_chip + m);
            MILLRACE_CHECK(links && back);
            const std::int32_t turn = i % links->count;
            const std::int32_t slice = tensor.group * kGroupSlices + word % 4;
            task.SetMember(m);
            task.Read(side, slice,
                      {.address = {.base = tensor.address(row, word / 4)},
                       .stream = out,
                       .flow = Flow::kOutward},
                      chip.edge(), 0);
            const std::int32_t slot = (d - 1) * links->count + turn;
            task.Send(links->first + turn, slot, {.side = side, .stream = out}, 0);
            task.SetMember(peer);
            task.Receive(back->first + turn, slot, {.to = isa::ResultSides::kBoth, .stream = in},
                         links->latency_cycles);
            const std::int32_t first_element =
                word / 4 * step_elements_ + word % 4 * word_elements();
            const std::int32_t begin = std::max(0, share.begin - first_element) * 4;
            const bool last = share.end == static_cast<std::int32_t>(tensor.layout.elements());
            const std::int32_t end =
                last ? chip.vector_bytes
                     : std::min(chip.vector_bytes, (share.end - first_element) * 4);
            for (const Hemisphere to : {Hemisphere::kWest, Hemisphere::kEast}) {
              readable =
                  std::max(readable, task.Write(to, slice,
                                                {.address = {.base = tensor.address(row, word / 4)},
                                                 .stream = in,
                                                 .flow = Flow::kInward,
                                                 .first_byte = static_cast<std::uint16_t>(begin),
                                                 .end_byte = static_cast<std::uint16_t>(end)},
                                                chip.edge(), links->latency_cycles));
            }
          }
          if (!task.usages().empty()) tasks.push_back(std::move(task));
        }
        if (tasks.empty()) continue;
        const std::int32_t reach = chip.mem.read_latency_cycles + chip.edge();
        const std::int64_t base = section().PlaceEarliest(tasks, own_ready + reach).base;
        for (std::int32_t m = 0; m < g; ++m) {
          const std::int32_t step = (FirstWord(tensor, m) + i) / 4;
          if (step >= tensor.layout.steps()) continue;
          auto& ready = whole.ready_at(row, step);
          ready = std::max(ready, base + readable);
        }
      }
    }
  }
  tensor = std::move(whole);
}

}  // namespace millrace::compiler

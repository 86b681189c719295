// Attention before and after its loop: the heads on the planes, the new keys and values, the end.
#include <algorithm>

#include "base/ceil_div.h"
#include "base/check.h"
#include "compiler/head_plan.h"
#include "numerics/reference.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::VxmOp;

namespace {

constexpr std::int32_t kUnitQueries = 32;

std::vector<HeadTile> HeadTilesOf(const Layout& head, std::int32_t most) {
  std::vector<HeadTile> tiles;
  for (std::int32_t s = 0; s < head.steps(); ++s) {
    for (std::int32_t first = 0, half = 0; first < head.elements_of(s); first += most, ++half) {
      tiles.push_back({s, half, std::min(most, head.elements_of(s) - first)});
    }
  }
  return tiles;
}

}  // namespace

Result<Lowering::HeadPlan> Lowering::PlanHeads(const Attention& op, ValueId id) {
  const Chip& chip = floorplan_.chip();
  HeadPlan plan{.shares = plan_->HeadShares(op, id)};
  plan.key_layout = {1, op.head_dim, std::min(op.head_dim, step_elements_)};
  plan.value_layout = {1, op.value_dim, std::min(op.value_dim, step_elements_)};
  plan.key_tiles = HeadTilesOf(plan.key_layout, chip.mxm.rows / 2);
  plan.value_tiles = HeadTilesOf(plan.value_layout, chip.mxm.rows / 2);
  const std::int32_t group = op.heads / op.kv_heads;
  std::int32_t keys = 0;
  for (const HeadShare& share : plan.shares) {
    plan.heads = std::max(plan.heads, share.queries.size());
    keys = std::max(keys, share.keys.size());
  }
  const std::int32_t value_steps = plan.value_layout.steps();
  if (value_steps > chip.mxm.planes_per_hemisphere) {
    return Unsupported("{}: values of {} dimensions a head", system_->name, op.value_dim);
  }
  if (plan_->value(id).parts == 1 && op.value_dim > 240 && op.value_dim != 256) {
    return Unsupported("{}: values of {} dimensions a head, wanted at most 240, or 256",
                       system_->name, op.value_dim);
  }
  for (std::int32_t k = 0; k < keys; ++k) {
    std::int32_t most = 0;
    std::vector<Range> queries;
    std::vector<std::int32_t> key;
    for (const HeadShare& share : plan.shares) {
      const std::int32_t head = share.keys.begin + k;
      const bool has = head < share.keys.end;
      key.push_back(has ? head : -1);
      const Range mine{std::max(share.queries.begin, head * group),
                       std::min(share.queries.end, (head + 1) * group)};
      queries.push_back(has ? mine : Range{});
      most = std::max(most, queries.back().size());
    }
    for (std::int32_t first = 0; first < most; first += kUnitQueries) {
      Unit unit{.queries = std::min(kUnitQueries, most - first), .member_key = key};
      for (const Range& q : queries) {
        const std::int32_t begin = std::min(q.end, q.begin + first);
        unit.member_queries.push_back({begin, std::min(q.end, begin + unit.queries)});
      }
      plan.units.push_back(std::move(unit));
    }
  }
  // ---- planes, accumulators, memory
  const std::int32_t sequences = shape_.shared_sequence ? 1 : shape_.rows;
  const std::int32_t words =
      CeilDiv(CeilDiv(shape_.context, isa::kKvBlock) * isa::kKvBlock, chip.mxm.install_streams);
  std::vector<std::int32_t> accumulators(planes_.size(), attention_accumulators());
  std::int32_t first_plane = 0;
  for (std::size_t u = 0; u < plan.units.size(); ++u) {
    Unit& unit = plan.units[u];
    // Units take turns on the planes; the first goes to the plane with most room.
    if (u == 0) {
      for (std::int32_t p = 1; p < floorplan_.planes(); ++p) {
        if (tiles_.used(p) < tiles_.used(first_plane)) first_plane = p;
      }
    }
    unit.plane = (first_plane + static_cast<std::int32_t>(u)) % floorplan_.planes();
    for (std::int32_t s = 0; s < value_steps; ++s) {
      unit.value_planes.push_back((unit.plane + 2 * s) % floorplan_.planes());
    }
    std::int32_t first = 0;
    for (const std::int32_t p : unit.value_planes) {
      first = std::max(first, accumulators[static_cast<std::size_t>(p)]);
    }
    unit.score_accumulator = first;
    unit.sum_accumulator = first + unit.queries;
    for (const std::int32_t p : unit.value_planes) {
      accumulators[static_cast<std::size_t>(p)] = first + 2 * unit.queries;
    }
    if (first + 2 * unit.queries > chip.mxm.accumulators) {
      return Unsupported(
          "{}: {} query heads on a chip need more than the {} accumulators of a plane",
          system_->name, plan.heads, chip.mxm.accumulators);
    }
    for (std::int32_t q = 0; q < sequences; ++q) {
      unit.key_bases.emplace_back();
      unit.value_bases.emplace_back();
      for (std::size_t t = 0; t < plan.key_tiles.size(); ++t) {
        unit.key_bases.back().push_back(tiles_.AllocateCleared(unit.plane, words));
      }
      for (const HeadTile& tile : plan.value_tiles) {
        unit.value_bases.back().push_back(
            tiles_.AllocateCleared(unit.value_planes[static_cast<std::size_t>(tile.step)], words));
      }
    }
  }
  // A layer begins while the one before still divides by its sums: they take turns.
  attention_turn_ ^= 1;
  plan.states = chip.vxm.states / 2 + attention_turn_ * (chip.vxm.states / 4);
  if (2 * shape_.rows * plan.heads > chip.vxm.states / 4) {
    return Unsupported("{}: {} heads of {} tokens need more than {} states", system_->name,
                       plan.heads, shape_.rows, chip.vxm.states / 4);
  }
  return plan;
}

// One head of a row to the slices of its plane(s), rounded to binary16: every slice takes the
// vector if the position is its own. Returns the cycle from which it can be read.
std::int64_t Lowering::WriteHead(const Tensor& from, std::int32_t row, const Unit& unit,
                                 std::span<const std::int32_t> planes,
                                 std::span<const std::int32_t> bases, isa::RegisterIndex position) {
  const Chip& chip = floorplan_.chip();
  const Layout head{1, from.layout.part_elements, from.layout.step_elements};
  std::int64_t readable = 0;
  const std::vector<HeadTile> tiles = HeadTilesOf(head, chip.mxm.rows / 2);
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    const HeadTile& tile = tiles[t];
    const std::int32_t first_word = tile.half * 2;  // two words of binary32 make one of binary16
    const std::int32_t words = CeilDiv(tile.elements, word_elements());
    isa::Vxm vxm{
        .op = VxmOp::kToF16, .elements = tile.elements, .step_elements = tile.elements, .x = 1};
    const isa::StepTiming timing = isa::VxmTiming(chip, vxm);
    const std::int32_t plane = planes[static_cast<std::size_t>(tile.step)];
    const Hemisphere side = floorplan_.plane_side(plane);
    vxm.to = side == Hemisphere::kWest ? isa::ResultSides::kWest : isa::ResultSides::kEast;
    const std::int32_t reach =
        chip.mem.read_latency_cycles + chip.slice_position(from.group * kGroupSlices + 3);
    std::int64_t ready = 0;
    for (std::int32_t m = 0; m < members(); ++m) {
      const std::int32_t key = unit.member_key[static_cast<std::size_t>(m)];
      if (key < 0) continue;
      const std::int32_t step = from.part_of(m, key) * head.steps() + tile.step;
      ready = std::max(ready, from.ready_at(row, step) + reach);
    }
    std::int32_t last = 0;
    std::vector<Task> tasks;
    for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
      for (int variant = 0; variant < 2; ++variant) {
        const std::uint8_t in = NextInward(), to = NextOutward();
        Task task(floorplan_);
        for (std::int32_t m = 0; m < members(); ++m) {
          const std::int32_t key = unit.member_key[static_cast<std::size_t>(m)];
          if (key < 0) continue;
          task.SetMember(m);
          const std::int32_t step = from.part_of(m, key) * head.steps() + tile.step;
          for (std::int32_t j = 0; j < words; ++j) {
            task.Read(Hemisphere::kWest, from.group * kGroupSlices + first_word + j,
                      {.address = {.base = from.address(row, step)},
                       .stream = static_cast<std::uint8_t>(in + j)},
                      0, 0);
          }
          vxm.a = isa::Operand{Hemisphere::kWest, {in, static_cast<std::uint8_t>(words)}};
          vxm.out = {to, 1};
          task.Vxm(chain, vxm, 0);
          const std::int32_t streams = chip.mxm.install_streams;
          task.Carry(side, Flow::kOutward, to, 0, chip.edge(), timing.latency_cycles, 1);
          for (std::int32_t i = 0; i < streams; ++i) {
            const isa::Write write{
                .address = {.base = bases[t],
                            .index = position,
                            .divisor = streams,
                            .register_stride = 1},
                .stream = to,
                .flow = Flow::kOutward,
                .end_byte = static_cast<std::uint16_t>(chip.vector_bytes),
                .condition = {.index = position, .modulus = streams, .remainder = i}};
            last = std::max(last, task.Write(side, floorplan_.install_slice(plane, i), write, 0,
                                             timing.latency_cycles));
          }
        }
        tasks.push_back(std::move(task));
      }
    }
    readable = std::max(readable, section().PlaceEarliest(tasks, ready).base + last);
  }
  return readable;
}

std::int64_t Lowering::WriteCache(const Attention& op, const HeadPlan& plan, std::int32_t row) {
  const isa::RegisterIndex position =
      registers_->Get({.kind = isa::LaunchRegister::Kind::kPosition, .row = row});
  const std::size_t sequence = shape_.shared_sequence ? 0 : static_cast<std::size_t>(row);
  std::int64_t ready = 0;
  for (const Unit& unit : plan.units) {
    const std::vector<std::int32_t> key_planes(static_cast<std::size_t>(plan.key_layout.steps()),
                                               unit.plane);
    ready = std::max(
        {ready, WriteHead(value(op.key), row, unit, key_planes, unit.key_bases[sequence], position),
         WriteHead(value(op.value), row, unit, unit.value_planes, unit.value_bases[sequence],
                   position)});
  }
  return ready;
}

// Maximum and sum of every head before the first block. Returns when they are there.
std::int64_t Lowering::BeginSoftmax(const Attention& op, const HeadPlan& plan, std::int32_t row) {
  const Chip& chip = floorplan_.chip();
  isa::Vxm vxm{
      .op = VxmOp::kSoftmaxBegin, .slot = plan.max_slot(row), .sum_slot = plan.sum_slot(row)};
  const Tensor* sinks = nullptr;
  const Layout layout{1, plan.heads, plan.heads};
  if (op.sinks) {
    const Weight& weight = graph_->weight(*op.sinks);
    std::vector<std::vector<float>> values;
    if (!weight.bytes.empty()) {
      std::vector<float> all(static_cast<std::size_t>(op.heads));
      reference::DequantiseRow(weight.dtype, weight.bytes.data(), all);
      for (std::int32_t m = 0; m < kept_values(); ++m) {
        const Range q = plan.shares[static_cast<std::size_t>(m)].queries;
        values.emplace_back(all.begin() + q.begin, all.begin() + q.end);
      }
    }
    sinks = &constants_.Add(weight.name, layout, values);
  }
  std::vector<Task> tasks;
  for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
    Task task(floorplan_);
    const std::uint8_t in = NextInward();
    for (std::int32_t m = 0; m < members(); ++m) {
      const std::int32_t heads = plan.shares[static_cast<std::size_t>(m)].queries.size();
      if (heads == 0) continue;
      task.SetMember(m);
      vxm.elements = heads;
      vxm.step_elements = heads;
      if (sinks != nullptr) {
        const std::int32_t words = CeilDiv(heads, word_elements());
        vxm.a = isa::Operand{Hemisphere::kEast, {in, static_cast<std::uint8_t>(words)}};
        for (std::int32_t j = 0; j < words; ++j) {
          task.Read(Hemisphere::kEast, kConstantGroup * kGroupSlices + j,
                    {.address = {.base = sinks->word}, .stream = static_cast<std::uint8_t>(in + j)},
                    0, 0);
        }
      }
      task.Vxm(chain, vxm, 0);
    }
    tasks.push_back(std::move(task));
  }
  return section().PlaceEarliest(tasks, 0).base + isa::VxmTiming(chip, vxm).latency_cycles;
}

// The outputs of all heads divided by their sums, each to its place in the row.
void Lowering::FinishHeads(const Attention& op, const HeadPlan& plan, std::int32_t row,
                           Tensor& out) {
  const Chip& chip = floorplan_.chip();
  isa::Vxm end{.op = VxmOp::kSoftmaxEnd, .sum_slot = plan.sum_slot(row)};
  std::int64_t states = 0;
  for (const Unit& unit : plan.units) states = std::max(states, unit.states_ready);
  std::vector<Task> ends;
  for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
    Task task(floorplan_);
    for (std::int32_t m = 0; m < members(); ++m) {
      end.elements = plan.shares[static_cast<std::size_t>(m)].queries.size();
      end.step_elements = end.elements;
      if (end.elements == 0) continue;
      task.SetMember(m);
      task.Vxm(chain, end, 0);
    }
    ends.push_back(std::move(task));
  }
  const std::int64_t inverse =
      section().PlaceEarliest(ends, states).base + isa::VxmTiming(chip, end).latency_cycles;
  const std::int32_t at_vxm = chip.mxm.emit_latency_cycles + chip.edge();
  const std::int32_t per_row = static_cast<std::int32_t>(out.ready.size()) / out.rows;
  for (const Unit& unit : plan.units) {
    for (std::int32_t q = 0; q < unit.queries; ++q) {
      for (std::int32_t s = 0; s < plan.value_layout.steps(); ++s) {
        const std::int32_t columns = plan.value_layout.elements_of(s);
        const std::int32_t plane = unit.value_planes[static_cast<std::size_t>(s)];
        const Hemisphere side = floorplan_.plane_side(plane);
        std::int32_t readable = 0;
        std::vector<Task> tasks;
        isa::StepTiming timing;
        for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
          Task task(floorplan_);
          const std::uint8_t in = NextInward(), to = NextOutward();
          for (std::int32_t m = 0; m < members(); ++m) {
            const Range mine = unit.member_queries[static_cast<std::size_t>(m)];
            if (q >= mine.size()) continue;
            task.SetMember(m);
            const std::int32_t head = mine.begin + q;
            const std::int32_t element = head * op.value_dim;
            const bool in_parts = out.layout.parts > 1;
            const std::int32_t word =
                in_parts ? (head * out.layout.steps_per_part() + s) * 4 : WordOf(element);
            const std::int32_t shift =
                in_parts ? 0 : element % step_elements_ % word_elements() * 4;
            const std::int32_t words = CeilDiv(shift + 4 * columns, chip.vector_bytes);
            const std::int32_t lanes = words * word_elements();
            isa::Vxm scale{.op = VxmOp::kMultiplyRuns,
                           .a = isa::Operand{side, {in, static_cast<std::uint8_t>(words)}},
                           .to = isa::ResultSides::kBoth,
                           .out = {to, static_cast<std::uint8_t>(words)},
                           .elements = lanes,
                           .step_elements = lanes,
                           .slot = plan.sum_slot(row) + head -
                                   plan.shares[static_cast<std::size_t>(m)].queries.begin,
                           .run = lanes};
            timing = isa::VxmTiming(chip, scale);
            task.Emit(plane,
                      {.accumulator = static_cast<std::uint16_t>(unit.sum_accumulator + q),
                       .columns = static_cast<std::uint16_t>(columns),
                       .shift = static_cast<std::uint16_t>(shift),
                       .out = {in, static_cast<std::uint8_t>(words)}},
                      0);
            task.Vxm(chain, scale, at_vxm);
            const bool ends_row = in_parts || element + columns == op.heads * op.value_dim;
            for (const Hemisphere to_side : {Hemisphere::kWest, Hemisphere::kEast}) {
              for (std::int32_t j = 0; j < words; ++j) {
                const std::int32_t slice = out.group * kGroupSlices + (word + j) % 4;
                const std::int32_t last_byte = shift + 4 * columns - j * chip.vector_bytes;
                isa::Write write{
                    .address = {.base = out.address(row, (word + j) / 4)},
                    .stream = static_cast<std::uint8_t>(to + j),
                    .flow = Flow::kOutward,
                    .first_byte = static_cast<std::uint16_t>(j == 0 ? shift : 0),
                    .end_byte = static_cast<std::uint16_t>(
                        ends_row ? chip.vector_bytes : std::min(chip.vector_bytes, last_byte)),
                    .take = true};
                task.Carry(to_side, Flow::kOutward, to + j, 0, chip.slice_position(slice),
                           at_vxm + timing.latency_cycles, 1);
                readable = std::max(
                    readable, task.Write(to_side, slice, write, 0, at_vxm + timing.latency_cycles));
              }
            }
          }
          tasks.push_back(std::move(task));
        }
        const std::int64_t base =
            section().PlaceEarliest(tasks, std::max(unit.sums_ready, inverse - at_vxm)).base;
        for (std::int32_t m = 0; m < members(); ++m) {
          const Range mine = unit.member_queries[static_cast<std::size_t>(m)];
          if (q >= mine.size()) continue;
          const std::int32_t element = (mine.begin + q) * op.value_dim;
          for (std::int32_t c = 0; c < columns; c += kGroupSlices) {
            std::int32_t index = 0;
            if (out.layout.parts > 1) {
              index = (mine.begin + q) * out.layout.steps_per_part() + s;
            } else if (out.spread == Spread::kInPlace) {
              index = WordOf(element + c) - FirstWord(out, m);
            } else {
              index = (element + c) / step_elements_;
            }
            auto& ready = out.ready[static_cast<std::size_t>(row * per_row + index)];
            ready = std::max(ready, base + readable);
          }
        }
      }
    }
  }
}

Result<void> Lowering::Lower(const Attention& op, ValueId id) {
  for (const ValueId input : {op.query, op.key, op.value}) {
    const std::int32_t parts = input == op.query ? op.heads : op.kv_heads;
    if (value(input).spread == Spread::kInPlace) MILLRACE_TRY_VOID(MakeWhole(input));
    if (value(input).spread == Spread::kWhole && value(input).layout.parts != parts) {
      MILLRACE_TRY_VOID(Relayout(input, parts));
    }
  }
  MILLRACE_TRY(HeadPlan plan, PlanHeads(op, id));
  const Tensor& q = value(op.query);
  MILLRACE_TRY(Tensor query, NewTensor(graph_->columns[op.query.index()],
                                       q.spread == Spread::kParts ? plan_->value(op.query)
                                                                  : ValuePlan{.parts = op.heads},
                                       2, {&q}));
  std::int64_t ready = 0;
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    for (const StepRun& run : RunsOf(q)) {
      PlaceVector({.op = VxmOp::kToF16, .x = op.scale}, &q, nullptr, &query, row, run);
    }
    ready = std::max({ready, WriteCache(op, plan, row), BeginSoftmax(op, plan, row)});
  }
  for (const std::int64_t cycle : query.ready) ready = std::max(ready, cycle);
  EndSectionAt(ready, fmt::format("to attention {}", op.layer));
  std::fill(query.ready.begin(), query.ready.end(), 0);
  MILLRACE_TRY(Tensor out, NewTensor(graph_->columns[id.index()], plan_->value(id), 4, {}));
  for (std::int32_t row = 0; row < shape_.rows; ++row) {
    MILLRACE_TRY_VOID(Loop(op, plan, query, row));
    FinishHeads(op, plan, row, out);
    if (row + 1 == shape_.rows) break;
    std::int64_t end = 0;
    for (const std::int64_t cycle : out.ready) end = std::max(end, cycle);
    EndSectionAt(end, fmt::format("attention {} row {} ends", op.layer, row));
    for (std::int64_t& cycle : out.ready) cycle = 0;
  }
  Free(query);
  values_.insert_or_assign(id.value, std::move(out));
  return {};
}

}  // namespace millrace::compiler

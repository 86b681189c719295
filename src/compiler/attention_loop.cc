// The loop of attention: an iteration is a block of 64 positions, and iterations overlap.
//
// For a unit, an iteration is one task, from the first key tile to the last sum:
//
//     install K | multiply q | emit scores > VXM: softmax step > | multiply p | (sums stay)
//                                             install V ........ |
//
// Scores and probabilities never rest in memory: they are on streams between the plane and the VXM.
// The next iteration may begin as soon as every resource is free again in every iteration, and what
// one iteration leaves for the next is there: the maximum and the sum of the softmax, and the sums
// in the accumulators. The period is the smallest for which all units find a place.
#include <algorithm>

#include "base/ceil_div.h"
#include "base/check.h"
#include "compiler/head_plan.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::VxmOp;

namespace {

// Where in an iteration things happen, relative to the first cycle of the first load.
struct UnitTimes {
  std::vector<std::int32_t> key_load = {}, key_pass = {};  // by tile
  std::int32_t emit = 0, softmax = 0, value_load = 0, value_pass = 0, end = 0;
  std::int32_t interval = 0;  // of softmax steps and of what feeds on them
};

}  // namespace

Task Lowering::UnitTask(const Attention& op, const HeadPlan& plan, Unit& unit, const Tensor& query,
                        std::int32_t row, std::int32_t chain) {
  const Chip& chip = floorplan_.chip();
  const Hemisphere side = floorplan_.plane_side(unit.plane);
  const std::int32_t streams = chip.mxm.install_streams;
  const std::size_t sequence = shape_.shared_sequence ? 0 : static_cast<std::size_t>(row);
  const isa::RegisterIndex position =
      registers_->Get({.kind = isa::LaunchRegister::Kind::kPosition, .row = row});
  const isa::RegisterIndex first_block = registers_->Get(
      {.kind = isa::LaunchRegister::Kind::kFirstBlock, .row = row, .window = op.window});
  isa::Vxm softmax{
      .op = VxmOp::kSoftmaxStep,
      .to = side == Hemisphere::kWest ? isa::ResultSides::kWest : isa::ResultSides::kEast,
      .count = static_cast<std::uint16_t>(unit.queries),
      .step_elements = isa::kKvBlock,
      .x = op.softcap,
      .position = position,
      .first_block = first_block,
      .window = op.window};
  const isa::StepTiming step = isa::VxmTiming(chip, softmax);
  const std::int32_t rows_a_slice = isa::kKvBlock / streams;
  const isa::Address block{
      .iteration_stride = rows_a_slice, .index = first_block, .register_stride = rows_a_slice};
  // ---- the times
  UnitTimes times{.key_load = {}, .key_pass = {}, .interval = step.interval_cycles};
  const std::int32_t key_cycles = isa::LoadCycles(chip, isa::kKvBlock);
  std::vector<std::int32_t> buffer_free(2, 0);
  std::int32_t load_at = 0, chain_free = 0;
  for (std::size_t t = 0; t < plan.key_tiles.size(); ++t) {
    const isa::PassTiming timing = isa::TimePass(chip, DType::kF16, plan.key_tiles[t].elements);
    load_at = std::max(load_at, buffer_free[t % 2]);
    times.key_load.push_back(load_at);
    load_at += key_cycles;
    const std::int32_t pass = std::max(load_at + chip.mxm.install_latency_cycles, chain_free);
    times.key_pass.push_back(pass);
    chain_free = pass + timing.chain_cycles;
    buffer_free[t % 2] = pass + unit.queries * timing.interval_cycles;
    times.emit = pass + timing.latency_cycles;
  }
  times.softmax = times.emit + chip.mxm.emit_latency_cycles + chip.edge();
  times.value_pass = times.softmax + step.latency_cycles + chip.edge();
  const std::int32_t value_words = CeilDiv(2 * plan.value_layout.elements_of(0), chip.vector_bytes);
  const std::int32_t value_cycles = isa::LoadCycles(chip, isa::kKvBlock * value_words);
  times.value_load = times.value_pass - chip.mxm.install_latency_cycles - value_cycles;
  times.end = times.value_pass + unit.queries * times.interval;
  unit.softmax_at = times.softmax;
  unit.pass_at = times.value_pass;
  unit.buffers_until = times.end;
  // ---- the instructions
  Task task(floorplan_);
  const std::uint8_t in = NextInward(), out = NextOutward(), to_pass = NextOutward();
  const auto load = [&](std::int32_t plane, std::int32_t buffer, isa::TileOrder order,
                        std::int32_t k, std::int32_t columns, std::span<const std::int32_t> bases,
                        std::int32_t at, std::int32_t until) {
    const auto words = static_cast<std::int32_t>(bases.size());
    for (std::int32_t i = 0; i < streams; ++i) {
      for (std::int32_t w = 0; w < words; ++w) {
        isa::Read read{.address = block,
                       .count = rows_a_slice,
                       .interval = words,
                       .stream = static_cast<std::uint8_t>(floorplan_.install_base(plane) + i),
                       .flow = Flow::kOutward};
        read.address.base = bases[static_cast<std::size_t>(w)];
        task.Read(floorplan_.plane_side(plane), floorplan_.install_slice(plane, i), read,
                  chip.edge(), at + w);
      }
    }
    task.Load(plane,
              {.buffer = static_cast<std::uint8_t>(buffer),
               .base = static_cast<std::uint8_t>(floorplan_.install_base(plane)),
               .dtype = DType::kF16,
               .order = order,
               .k = static_cast<std::uint16_t>(k),
               .columns = static_cast<std::uint16_t>(columns),
               .vectors = isa::kKvBlock * words},
              at, until);
  };
  for (std::size_t t = 0; t < plan.key_tiles.size(); ++t) {
    const std::int32_t until = times.key_pass[t] + unit.queries * chip.mxm.float_interval_cycles;
    load(unit.plane, static_cast<std::int32_t>(t % 2), isa::TileOrder::kColumnWords,
         plan.key_tiles[t].elements, isa::kKvBlock,
         std::span(unit.key_bases[sequence]).subspan(t, 1), times.key_load[t], until);
  }
  const auto value_buffer = static_cast<std::int32_t>(plan.key_tiles.size() % 2);
  std::size_t value_tile = 0;
  for (std::int32_t s = 0; s < plan.value_layout.steps(); ++s) {
    const std::int32_t columns = plan.value_layout.elements_of(s);
    const auto words = static_cast<std::size_t>(CeilDiv(2 * columns, chip.vector_bytes));
    load(unit.value_planes[static_cast<std::size_t>(s)], value_buffer, isa::TileOrder::kRowWords,
         isa::kKvBlock, columns, std::span(unit.value_bases[sequence]).subspan(value_tile, words),
         times.value_load, times.end);
    value_tile += words;
  }
  // A chip with fewer queries does the same for fewer; the usages of the one with most stand for
  // all.
  bool counted = false;
  for (std::int32_t m = 0; m < members(); ++m) {
    const Range mine = unit.member_queries[static_cast<std::size_t>(m)];
    const auto n = static_cast<std::uint16_t>(mine.size());
    if (n == 0) continue;
    const bool count = n == unit.queries && !counted;
    counted = counted || count;
    task.SetMember(m, count ? Task::Usages::kCount : Task::Usages::kSilent);
    const Range share = plan.shares[static_cast<std::size_t>(m)].queries;
    for (std::size_t t = 0; t < plan.key_tiles.size(); ++t) {
      const HeadTile& tile = plan.key_tiles[t];
      const std::int32_t slice = query.group * kGroupSlices + tile.half;
      const std::int32_t steps = query.layout.steps_per_part();
      task.Read(side, slice,
                {.address = {.base = query.address(
                                 row, query.part_of(m, mine.begin) * steps + tile.step)},
                 .count = n,
                 .stride = steps,
                 .interval = chip.mxm.float_interval_cycles,
                 .stream = to_pass,
                 .flow = Flow::kOutward},
                chip.edge(), times.key_pass[t]);
      task.Pass(unit.plane,
                {.buffer = static_cast<std::uint8_t>(t % 2),
                 .base = to_pass,
                 .begin = t == 0 ? isa::PassBegin::kZero : isa::PassBegin::kContinue,
                 .accumulator = static_cast<std::uint16_t>(unit.score_accumulator),
                 .count = n,
                 .interval = static_cast<std::uint16_t>(chip.mxm.float_interval_cycles)},
                times.key_pass[t]);
    }
    task.Emit(unit.plane,
              {.accumulator = static_cast<std::uint16_t>(unit.score_accumulator),
               .count = n,
               .columns = isa::kKvBlock,
               .interval = static_cast<std::uint16_t>(times.interval),
               .out = {in, 1}},
              times.emit);
    softmax.a = isa::Operand{side, {in, 1}};
    softmax.out = {out, 2};
    softmax.count = n;
    softmax.elements = n * isa::kKvBlock;
    softmax.slot = plan.max_slot(row) + mine.begin - share.begin;
    softmax.sum_slot = plan.sum_slot(row) + mine.begin - share.begin;
    task.Vxm(chain, softmax, times.softmax);
    for (std::int32_t j = 0; j < 2; ++j) {
      task.Carry(side, Flow::kOutward, out + j, 0, chip.edge(), times.softmax + step.latency_cycles,
                 n, times.interval);
    }
    for (const std::int32_t plane : unit.value_planes) {
      task.Pass(plane,
                {.buffer = static_cast<std::uint8_t>(value_buffer),
                 .base = out,
                 .begin = isa::PassBegin::kRescale,
                 .accumulator = static_cast<std::uint16_t>(unit.sum_accumulator),
                 .count = n,
                 .interval = static_cast<std::uint16_t>(times.interval)},
                times.value_pass);
    }
  }
  return task;
}

Result<void> Lowering::Loop(const Attention& op, HeadPlan& plan, const Tensor& query,
                            std::int32_t row) {
  const Chip& chip = floorplan_.chip();
  isa::Vxm softmax{.op = VxmOp::kSoftmaxStep};
  const isa::StepTiming step = isa::VxmTiming(chip, softmax);
  std::int32_t period = isa::TimePass(chip, DType::kF16, isa::kKvBlock).chain_cycles + 1;
  std::int32_t score_chain = 0;  // of all key tiles: the next iteration's must not overtake it
  for (const HeadTile& tile : plan.key_tiles) {
    score_chain += isa::TimePass(chip, DType::kF16, tile.elements).chain_cycles;
  }
  for (const Unit& unit : plan.units) {
    period = std::max(period, score_chain + unit.queries * chip.mxm.float_interval_cycles);
    const std::int32_t last = (unit.queries - 1) * step.interval_cycles;
    period = std::max(period, last + step.latency_cycles);
    period = std::max(period, unit.queries * step.interval_cycles + 1);
  }
  constexpr std::int32_t kLongestSearch = 4096;
  for (const std::int32_t longest = period + kLongestSearch; period < longest; ++period) {
    const std::uint32_t inward = inward_turn_, outward = outward_turn_;
    SectionBuilder builder(floorplan_, kept_code(), period);
    bool placed = true;
    for (Unit& unit : plan.units) {
      std::vector<Task> tasks;
      for (std::int32_t chain = 0; chain < chip.vxm.chains; ++chain) {
        for (int variant = 0; variant < 2; ++variant) {
          tasks.push_back(UnitTask(op, plan, unit, query, row, chain));
        }
      }
      const auto choice = builder.TryPlaceEarliest(tasks, 0);
      if (!choice) {
        placed = false;
        break;
      }
      unit.base = choice->base;
    }
    if (!placed) {
      inward_turn_ = inward;
      outward_turn_ = outward;
      continue;
    }
    SectionCode code{
        .length_cycles = period,
        .repeats = registers_->Get(
            {.kind = isa::LaunchRegister::Kind::kBlocks, .row = row, .window = op.window}),
        .name = fmt::format("attention {} row {}", op.layer, row)};
    for (std::int32_t m = 0; m < kept_code(); ++m) code.members.push_back(builder.Instructions(m));
    sections_.push_back(std::move(code));
    drains_ = builder.Drain();
    PassTime(period);
    const isa::PassTiming pass = isa::TimePass(chip, DType::kF16, isa::kKvBlock);
    for (Unit& unit : plan.units) {
      const std::int64_t base = unit.base - period;
      const std::int32_t last = (unit.queries - 1) * step.interval_cycles;
      unit.states_ready =
          std::max<std::int64_t>(0, base + unit.softmax_at + last + step.latency_cycles);
      unit.sums_ready = std::max<std::int64_t>(0, base + unit.pass_at + last + pass.latency_cycles);
      for (const std::int32_t p : unit.value_planes) {
        for (std::int64_t& free : planes_[static_cast<std::size_t>(p)].buffer_free) {
          free = std::max(free, base + unit.buffers_until);
        }
      }
      auto& own = planes_[static_cast<std::size_t>(unit.plane)];
      for (std::int64_t& free : own.buffer_free) free = std::max(free, base + unit.buffers_until);
    }
    return {};
  }
  return Unsupported("{}: no loop for the attention of layer {} was found", system_->name,
                     op.layer);
}

}  // namespace millrace::compiler

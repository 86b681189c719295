#include "compiler/task.h"

#include <cstdlib>

#include "base/check.h"

namespace millrace::compiler {

using isa::Flow;
using isa::Hemisphere;
using isa::Unit;
using isa::UnitKind;
using MemPort = Floorplan::MemPort;
using PlanePort = Floorplan::PlanePort;
using Zone = Floorplan::Zone;

namespace {

// Which banks the words of an access may be in: all, if the address is only known at run time.
struct Banks {
  bool first = true, second = true;
};
Banks BanksOf(const Chip& chip, const isa::Address& address, std::int32_t count,
              std::int32_t stride) {
  if (address.segment != 0 || address.index != isa::kNoRegister || address.iteration_stride != 0) {
    return {};
  }
  const std::int32_t last = address.base + (count - 1) * stride;
  return {address.base < chip.bank_words(), last >= chip.bank_words()};
}

}  // namespace

void Task::Use(std::int32_t resource, std::int32_t first, std::int32_t count,
               std::int32_t interval) {
  if (silent_) return;
  usages_.push_back({resource, first, count, interval});
}

void Task::Add(Unit unit, isa::Action action, std::int32_t at) {
  instructions_.push_back({member_, {at, unit, std::move(action)}});
}

void Task::Read(Hemisphere side, std::int32_t slice, isa::Read read, std::int32_t position,
                std::int32_t at) {
  const std::int32_t own = plan_->chip().slice_position(slice);
  const std::int32_t issue = at - std::abs(position - own) - plan_->chip().mem.read_latency_cycles;
  Use(plan_->mem(side, slice, MemPort::kIssue), issue);
  Use(plan_->mem(side, slice, MemPort::kRead), issue, read.count, read.interval);
  const Banks banks = BanksOf(plan_->chip(), read.address, read.count, read.stride);
  if (banks.first) {
    Use(plan_->mem(side, slice, MemPort::kBank0), issue, read.count, read.interval);
  }
  if (banks.second) {
    Use(plan_->mem(side, slice, MemPort::kBank1), issue, read.count, read.interval);
  }
  Carry(side, read.flow, read.stream, own, read.flow == Flow::kInward ? 0 : position,
        at - std::abs(position - own), read.count, read.interval);
  Add({UnitKind::kMem, side, static_cast<std::uint16_t>(slice)}, read, issue);
}

std::int32_t Task::Write(Hemisphere side, std::int32_t slice, isa::Write write,
                         std::int32_t position, std::int32_t at) {
  const std::int32_t issue = at + std::abs(position - plan_->chip().slice_position(slice));
  Use(plan_->mem(side, slice, MemPort::kIssue), issue);
  Use(plan_->mem(side, slice, MemPort::kWrite), issue, write.count, write.interval);
  const Banks banks = BanksOf(plan_->chip(), write.address, write.count, write.stride);
  if (banks.first) {
    Use(plan_->mem(side, slice, MemPort::kBank0), issue, write.count, write.interval);
  }
  if (banks.second) {
    Use(plan_->mem(side, slice, MemPort::kBank1), issue, write.count, write.interval);
  }
  Add({UnitKind::kMem, side, static_cast<std::uint16_t>(slice)}, write, issue);
  return issue + plan_->chip().mem.write_latency_cycles;
}

void Task::Carry(Hemisphere side, Flow flow, std::int32_t stream, std::int32_t from,
                 std::int32_t to, std::int32_t at, std::int32_t count, std::int32_t interval) {
  // The diagonal's number: the cycle on which it passes position 0.
  const std::int32_t diagonal = flow == Flow::kInward ? at + from : at - from;
  const std::int32_t low = std::min(from, to), high = std::max(from, to);
  if (low <= plan_->last_near_position()) {
    Use(plan_->stream(side, flow, stream, Zone::kNear), diagonal, count, interval);
  }
  if (high >= plan_->first_far_position()) {
    Use(plan_->stream(side, flow, stream, Zone::kFar), diagonal, count, interval);
  }
}

void Task::Load(std::int32_t plane, isa::Load load, std::int32_t at, std::int32_t until) {
  Use(plan_->plane(plane, PlanePort::kIssue), at);
  Use(plan_->plane(plane, PlanePort::kLoad), at, isa::LoadCycles(plan_->chip(), load.vectors));
  Use(plan_->plane(plane, load.buffer == 0 ? PlanePort::kBuffer0 : PlanePort::kBuffer1), at,
      until - at);
  Add({UnitKind::kMxm, plan_->plane_side(plane),
       static_cast<std::uint16_t>(plan_->plane_index(plane))},
      load, at);
}

void Task::Pass(std::int32_t plane, isa::Pass pass, std::int32_t at) {
  Use(plan_->plane(plane, PlanePort::kIssue), at);
  Use(plan_->plane(plane, PlanePort::kPass), at, pass.count * pass.interval);
  Add({UnitKind::kMxm, plan_->plane_side(plane),
       static_cast<std::uint16_t>(plan_->plane_index(plane))},
      pass, at);
}

void Task::Emit(std::int32_t plane, isa::Emit emit, std::int32_t at) {
  const Hemisphere side = plan_->plane_side(plane);
  Use(plan_->plane(plane, PlanePort::kIssue), at);
  Use(plan_->plane(plane, PlanePort::kEmit), at, emit.count, emit.interval);
  for (std::int32_t i = 0; i < emit.out.width; ++i) {
    Carry(side, Flow::kInward, emit.out.base + i, plan_->chip().edge(), 0,
          at + plan_->chip().mxm.emit_latency_cycles, emit.count, emit.interval);
  }
  Add({UnitKind::kMxm, side, static_cast<std::uint16_t>(plan_->plane_index(plane))}, emit, at);
}

void Task::Vxm(std::int32_t chain, const isa::Vxm& vxm, std::int32_t at) {
  const isa::StepTiming timing = isa::VxmTiming(plan_->chip(), vxm);
  Use(plan_->chain(chain), at, vxm.count * timing.interval_cycles);
  Add({UnitKind::kVxm, Hemisphere::kWest, static_cast<std::uint16_t>(chain)}, vxm, at);
}

void Task::Shift(Hemisphere side, const isa::Shift& shift, std::int32_t at) {
  Use(plan_->shift(side), at, shift.count);
  for (std::int32_t i = 0; i < shift.out.width; ++i) {
    Carry(side, Flow::kInward, shift.out.base + i, plan_->chip().edge(), 0,
          at + plan_->chip().sxm.latency_cycles, shift.count);
  }
  Add({UnitKind::kSxm, side, 0}, shift, at);
}

void Task::Send(std::int32_t link, std::int32_t slot, const isa::Send& send, std::int32_t at) {
  Use(plan_->send(slot), at, send.count * plan_->chip().links.vector_cycles);
  Add({UnitKind::kC2c, Hemisphere::kWest, static_cast<std::uint16_t>(link)}, send, at);
}

void Task::Receive(std::int32_t link, std::int32_t slot, const isa::Receive& receive,
                   std::int32_t at) {
  Use(plan_->receive(slot), at, receive.count * plan_->chip().links.vector_cycles);
  for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
    Carry(side, Flow::kInward, receive.stream, plan_->chip().edge(), 0, at, receive.count,
          plan_->chip().links.vector_cycles);
  }
  Add({UnitKind::kC2c, Hemisphere::kWest, static_cast<std::uint16_t>(link)}, receive, at);
}

}  // namespace millrace::compiler

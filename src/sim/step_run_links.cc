// The SXM and the links between chips (rule kLink).
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "sim/step_run.h"

namespace millrace::sim {

void StepRun::Step(const Running& running, const isa::Shift& shift, std::int64_t) {
  const isa::Hemisphere side = running.issue.instruction->unit.side;
  std::vector<std::byte> in(shift.in.width * vector_bytes());
  const std::size_t first = shift.from / vector_bytes();
  const std::size_t end =
      (std::size_t{shift.from} + shift.bytes + vector_bytes() - 1) / vector_bytes();
  for (std::size_t v = first; v < end; ++v) {
    const std::byte* vector = Take(
        running,
        {side, isa::Flow::kOutward, static_cast<std::int32_t>(shift.in.base + v), chip_.edge()});
    if (vector == nullptr) return;
    std::memcpy(in.data() + v * vector_bytes(), vector, vector_bytes());
  }
  std::vector<std::byte> out(shift.out.width * vector_bytes());
  std::memcpy(out.data() + shift.to, in.data() + shift.from, shift.bytes);
  DriveGroup(running, side, isa::Flow::kInward, shift.out, chip_.edge(), chip_.sxm.latency_cycles,
             out);
}

void StepRun::Step(const Running& running, const isa::Send& send, std::int64_t) {
  const std::byte* vector =
      Take(running, {send.side, isa::Flow::kOutward, send.stream, chip_.edge()});
  if (vector == nullptr) return;
  const auto peer = state_.system->Peer(running.issue.chip, running.issue.instruction->unit.index);
  if (!peer || static_cast<std::size_t>(peer->chip) >= state_.chips.size()) {
    return Fail(running.issue, isa::Rule::kLink, "a link that ends nowhere");
  }
  const std::int64_t arrival = now_ + peer->latency_cycles;
  state_.arrivals_of(peer->chip, peer->link)
      .push_back({.cycle = arrival, .vector = {vector, vector + vector_bytes()}});
  Push({.cycle = arrival, .phase = Phase::kArrival, .chip = peer->chip, .index = peer->link});
}

void StepRun::Step(const Running& running, const isa::Receive& receive, std::int64_t) {
  std::vector<Arrival>& arrivals =
      state_.arrivals_of(running.issue.chip, running.issue.instruction->unit.index);
  if (arrivals.empty() || arrivals.front().cycle != now_) {
    return Fail(running.issue, isa::Rule::kLink, "a receive when nothing arrives");
  }
  for (const isa::Hemisphere side : {isa::Hemisphere::kWest, isa::Hemisphere::kEast}) {
    const isa::ResultSides other =
        side == isa::Hemisphere::kWest ? isa::ResultSides::kEast : isa::ResultSides::kWest;
    if (receive.to == other || receive.to == isa::ResultSides::kNone) continue;
    const StreamPoint at{side, isa::Flow::kInward, receive.stream, chip_.edge()};
    if (!chip_state(running).streams.Drive(at, now_, arrivals.front().vector)) {
      return Fail(running.issue, isa::Rule::kStream,
                  fmt::format("two vectors on inward stream {} at the edge", receive.stream));
    }
  }
  arrivals.erase(arrivals.begin());
}

void StepRun::CheckReceived(const Event& event) {
  const std::vector<Arrival>& arrivals = state_.arrivals_of(event.chip, event.index);
  if (arrivals.empty() || arrivals.front().cycle > now_) return;
  FailAt(event.chip,
         {isa::UnitKind::kC2c, isa::Hemisphere::kWest, static_cast<std::uint16_t>(event.index)},
         isa::Rule::kLink, "an arrival that nobody receives");
}

}  // namespace millrace::sim

// Family 5: links. Every vector that is sent arrives latency cycles later at the peer, which must
// receive it exactly then; nothing else can be received. That a link is free is seen by the chip
// (verify_issue.cc).
#include <algorithm>

#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

Fault At(const LinkStep& step, std::string message) {
  const Unit unit{UnitKind::kC2c, Hemisphere::kWest, static_cast<std::uint16_t>(step.link)};
  return {Rule::kLink, step.chip, unit, step.cycle, std::move(message)};
}

}  // namespace

void CollectLinks(const ChipRun& run, LinkTraffic& traffic) {
  for (const Issue& issue : run.Of(UnitKind::kC2c)) {
    const Steps steps = StepsOf(run.chip, *issue.instruction);
    const bool send = std::holds_alternative<Send>(issue.instruction->action);
    for (std::int64_t i = 0; i < steps.count; ++i) {
      (send ? traffic.sends : traffic.receives)
          .push_back({run.number, issue.instruction->unit.index, issue.cycle + i * steps.interval});
    }
  }
}

std::optional<Fault> CheckLinks(const System& system, LinkTraffic traffic) {
  std::vector<LinkStep> arrivals;
  for (const LinkStep& send : traffic.sends) {
    const auto peer = system.Peer(send.chip, send.link);
    if (!peer) return At(send, "found a send on a link that is not connected");
    arrivals.push_back({peer->chip, peer->link, send.cycle + peer->latency_cycles});
  }
  std::sort(arrivals.begin(), arrivals.end());
  auto& receives = traffic.receives;
  std::sort(receives.begin(), receives.end());
  const auto [arrival, receive] =
      std::mismatch(arrivals.begin(), arrivals.end(), receives.begin(), receives.end());
  const bool arrives = arrival != arrivals.end(), received = receive != receives.end();
  if (arrives && (!received || *arrival < *receive)) {
    return At(*arrival, "found a vector that arrives, wanted it received on this cycle");
  }
  if (received) return At(*receive, "found a receive, no vector arrives on this cycle");
  return {};
}

}  // namespace millrace::isa

// Family 1: one issue a queue and cycle, units that are free, and an end in time.
//
// A queue issues one instruction a cycle. Behind it, a matrix plane has three ports (install, pass,
// emit), a VXM chain, an SXM and each direction of a link one: an instruction occupies its port for
// count * interval cycles. The ports of memory count step by step (verify_memory.cc).
#include <algorithm>
#include <array>

#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

// Which port of its unit an instruction occupies; the ports of memory are not counted here.
std::optional<std::size_t> PortOf(const Action& action) {
  if (std::holds_alternative<Read>(action) || std::holds_alternative<Write>(action)) return {};
  if (std::holds_alternative<Pass>(action) || std::holds_alternative<Receive>(action)) return 1;
  if (std::holds_alternative<Emit>(action)) return 2;
  return 0;
}

// The cycle by which all effects of the issue are there.
std::int64_t EndOf(const ChipRun& run, const Issue& issue, const Steps& steps) {
  const bool write = std::holds_alternative<Write>(issue.instruction->action);
  return issue.cycle + steps.last() + (write ? run.chip.mem.write_latency_cycles : 1);
}

void CheckUnit(const ChipRun& run, std::span<const Issue> issues, FirstFault& faults) {
  std::array<std::int64_t, 3> free_at{};
  const Unit unit = issues.front().instruction->unit;
  for (std::size_t i = 0; i < issues.size(); ++i) {
    const Issue& issue = issues[i];
    const Steps steps = StepsOf(run.chip, *issue.instruction);
    if (i > 0 && issues[i - 1].cycle == issue.cycle) {
      faults.Report(Rule::kIssue, unit, issue.cycle,
                    "found two instructions of one queue, wanted one a cycle");
    }
    if (const std::int64_t end = EndOf(run, issue, steps); end > run.end_cycle) {
      faults.Report(Rule::kIssue, unit, issue.cycle,
                    "found an instruction that ends on cycle {}, the program ends on {}", end,
                    run.end_cycle);
    }
    const auto port = PortOf(issue.instruction->action);
    if (!port) continue;
    if (issue.cycle < free_at[*port]) {
      const Rule rule = unit.kind == UnitKind::kC2c ? Rule::kLink : Rule::kIssue;
      faults.Report(rule, unit, issue.cycle, "found the unit busy until cycle {}", free_at[*port]);
    }
    free_at[*port] = std::max(free_at[*port], issue.cycle + steps.busy_cycles());
  }
}

}  // namespace

std::span<const Issue> TakeUnit(std::span<const Issue>& issues) {
  std::size_t n = 1;
  while (n < issues.size() && issues[n].instruction->unit == issues[0].instruction->unit) ++n;
  const std::span<const Issue> unit = issues.first(n);
  issues = issues.subspan(n);
  return unit;
}

std::span<const Issue> ChipRun::Of(UnitKind kind) const {
  const auto [begin, end] =
      std::equal_range(issues.begin(), issues.end(), kind, [](const auto& a, const auto& b) {
        const auto kind_of = [](const auto& x) {
          if constexpr (std::is_same_v<std::decay_t<decltype(x)>, Issue>) {
            return x.instruction->unit.kind;
          } else {
            return x;
          }
        };
        return kind_of(a) < kind_of(b);
      });
  return {begin, end};
}

void CheckIssue(const ChipRun& run, FirstFault& faults) {
  for (std::span<const Issue> issues = run.issues; !issues.empty();) {
    CheckUnit(run, TakeUnit(issues), faults);
  }
}

}  // namespace millrace::isa

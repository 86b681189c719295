// Family 4, matrix units: tiles that are wholly installed and not yet replaced, accumulators that
// hold what is asked of them.
//
// Steps of a plane are looked at in the order of their cycles; an emit comes before a pass on the
// same cycle, for it takes what the accumulator holds before.
#include <algorithm>

#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

struct Buffer {
  const Load* tile = nullptr;
  std::int64_t ready = 0;         // the first cycle of a pass
  std::int64_t in_use_until = 0;  // the first cycle of another load
};

// The sums of a pass that began anew and of those that continued it.
struct Chain {
  std::int64_t first_ready = 0;  // when it replaces the chain before it
  std::int64_t ready = 0;        // when all its passes are through
  std::int32_t columns = 0;      // that hold sums
};

struct Accumulator {
  std::int64_t next_pass = 0;  // the first cycle
  std::vector<Chain> chains;   // by time; those that can still be emitted
  // The chain that an emit on `cycle` gives; null if there is none that is through.
  const Chain* On(std::int64_t cycle) const {
    for (std::size_t i = chains.size(); i-- > 0;) {
      if (chains[i].ready <= cycle) return &chains[i];
      if (chains[i].first_ready <= cycle) return nullptr;
    }
    return nullptr;
  }
};

// One step of a pass or an emit: what its accumulator sees.
struct AccumulatorStep {
  std::int64_t cycle = 0;
  bool pass = false;
  std::int64_t step = 0;
  const Issue* issue = nullptr;
};

class Plane {
 public:
  Plane(const ChipRun& run, std::span<const Issue> issues, FirstFault& faults)
      : run_(run),
        issues_(issues),
        unit_(issues.front().instruction->unit),
        faults_(faults),
        buffers_(static_cast<std::size_t>(run.chip.mxm.buffers)),
        accumulators_(static_cast<std::size_t>(run.chip.mxm.accumulators)) {}

  void Check() {
    std::vector<AccumulatorStep> steps;
    for (const Issue& issue : issues_) {
      const Action& action = issue.instruction->action;
      if (const auto* load = std::get_if<Load>(&action)) {
        CheckLoad(issue.cycle, *load);
        continue;
      }
      const auto* pass = std::get_if<Pass>(&action);
      if (pass != nullptr && !CheckPass(issue, *pass)) continue;
      const Steps of = StepsOf(run_.chip, *issue.instruction);
      for (std::int64_t i = 0; i < of.count; ++i) {
        steps.push_back({issue.cycle + i * of.interval, pass != nullptr, i, &issue});
      }
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const AccumulatorStep& a, const AccumulatorStep& b) {
                       return a.cycle != b.cycle ? a.cycle < b.cycle : a.pass < b.pass;
                     });
    for (const AccumulatorStep& step : steps) step.pass ? PassStep(step) : EmitStep(step);
  }

 private:
  void CheckLoad(std::int64_t cycle, const Load& load) {
    Buffer& buffer = buffers_[load.buffer];
    if (cycle < buffer.in_use_until) {
      faults_.Report(Rule::kMatrix, unit_, cycle,
                     "found buffer {} in use until cycle {}, wanted it free for a load",
                     load.buffer, buffer.in_use_until);
    }
    buffer.tile = &load;
    buffer.ready =
        cycle + LoadCycles(run_.chip, load.vectors) + run_.chip.mxm.install_latency_cycles;
  }

  // Whether there is a tile to pass through.
  bool CheckPass(const Issue& issue, const Pass& pass) {
    Buffer& buffer = buffers_[pass.buffer];
    if (buffer.tile == nullptr || issue.cycle < buffer.ready) {
      faults_.Report(Rule::kMatrix, unit_, issue.cycle,
                     "found buffer {} {}, wanted a tile that is installed", pass.buffer,
                     buffer.tile == nullptr ? std::string("empty")
                                            : fmt::format("ready on cycle {}", buffer.ready));
      return false;
    }
    const PassTiming timing = TimePass(run_.chip, buffer.tile->dtype, buffer.tile->k);
    if (pass.interval < timing.interval_cycles) {
      faults_.Report(Rule::kIssue, unit_, issue.cycle,
                     "found a pass with interval {}, wanted at least {}", pass.interval,
                     timing.interval_cycles);
    }
    const std::int64_t end = issue.cycle + std::int64_t{pass.count} * pass.interval;
    buffer.in_use_until = std::max(buffer.in_use_until, end);
    return true;
  }

  void PassStep(const AccumulatorStep& step) {
    const auto& pass = std::get<Pass>(step.issue->instruction->action);
    const Load& tile = *step.issue->tile;
    const auto number = static_cast<std::size_t>(pass.accumulator + step.step);
    Accumulator& accumulator = accumulators_[number];
    std::vector<Chain>& chains = accumulator.chains;
    if (pass.begin == PassBegin::kContinue && chains.empty()) {
      faults_.Report(Rule::kMatrix, unit_, step.cycle,
                     "found accumulator {} empty, wanted sums to continue", number);
    }
    if (step.cycle < accumulator.next_pass) {
      faults_.Report(Rule::kMatrix, unit_, step.cycle,
                     "found accumulator {} in a pass until cycle {}, wanted it free", number,
                     accumulator.next_pass);
    }
    const PassTiming timing = TimePass(run_.chip, tile.dtype, tile.k);
    accumulator.next_pass = step.cycle + timing.chain_cycles;
    const std::int64_t ready = step.cycle + timing.latency_cycles;
    if (pass.begin != PassBegin::kContinue || chains.empty()) {  // kRescale may begin at 0
      while (chains.size() > 1 && chains[1].first_ready <= step.cycle) chains.erase(chains.begin());
      chains.push_back({ready, ready, tile.columns});
      return;
    }
    chains.back().ready = ready;
    chains.back().columns = std::min<std::int32_t>(tile.columns, chains.back().columns);
  }

  void EmitStep(const AccumulatorStep& step) {
    const auto& emit = std::get<Emit>(step.issue->instruction->action);
    const auto number = static_cast<std::size_t>(emit.accumulator + step.step);
    const Accumulator& accumulator = accumulators_[number];
    const Chain* chain = accumulator.On(step.cycle);
    if (chain == nullptr) {
      faults_.Report(Rule::kMatrix, unit_, step.cycle, "found accumulator {} {}, wanted its sums",
                     number,
                     accumulator.chains.empty()
                         ? std::string("empty")
                         : fmt::format("ready on cycle {}", accumulator.chains.back().ready));
    } else if (emit.columns > chain->columns) {
      faults_.Report(Rule::kMatrix, unit_, step.cycle,
                     "found {} sums in accumulator {}, wanted the {} to emit", chain->columns,
                     number, emit.columns);
    }
  }

  const ChipRun& run_;
  std::span<const Issue> issues_;
  Unit unit_;
  FirstFault& faults_;
  std::vector<Buffer> buffers_;
  std::vector<Accumulator> accumulators_;
};

}  // namespace

void CheckPlanes(const ChipRun& run, FirstFault& faults) {
  for (std::span<const Issue> issues = run.Of(UnitKind::kMxm); !issues.empty();) {
    Plane(run, TakeUnit(issues), faults).Check();
  }
}

}  // namespace millrace::isa

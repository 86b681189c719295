// Family 4, the VXM: states and registers that are there when they are used.
//
// What an instruction writes can be used by instructions issued from its last step + latency on;
// until then the state or register is on its way, and neither used nor written again.
#include <algorithm>

#include "isa/states.h"
#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

// A state or a register.
struct Scalar {
  bool written = false;
  std::int64_t ready = 0;       // the first cycle of an instruction that uses it
  std::int64_t read_until = 0;  // the last step of those that do
};

class Scalars {
 public:
  Scalars(const ChipRun& run, FirstFault& faults)
      : run_(run),
        faults_(faults),
        states_(static_cast<std::size_t>(run.chip.vxm.states)),
        registers_(run.program.registers.size()) {
    for (std::size_t r = 0; r < registers_.size(); ++r) {
      registers_[r].written = run.program.registers[r].kind != LaunchRegister::Kind::kRouted;
    }
  }

  // Issues of all units, by cycle.
  void See(const Issue& issue) {
    const Action& action = issue.instruction->action;
    if (const auto* read = std::get_if<Read>(&action)) UseRegister(issue, read->address.index);
    if (const auto* write = std::get_if<Write>(&action)) {
      UseRegister(issue, write->address.index);
      if (write->condition.modulus != 0) UseRegister(issue, write->condition.index);
    }
    if (const auto* vxm = std::get_if<Vxm>(&action)) SeeVxm(issue, *vxm);
  }

 private:
  void SeeVxm(const Issue& issue, const Vxm& vxm) {
    if (vxm.op == VxmOp::kSoftmaxStep) {
      UseRegister(issue, vxm.position);
      UseRegister(issue, vxm.first_block);
    }
    const std::int64_t last_step = issue.cycle + StepsOf(run_.chip, *issue.instruction).last();
    const std::int64_t ready = last_step + VxmTiming(run_.chip, vxm).latency_cycles;
    const StateUse use = StatesOf(vxm);
    for (const StateRange& range : use.reads) {
      for (std::int64_t s = range.begin; s < range.begin + range.count; ++s) {
        Scalar& state = states_[static_cast<std::size_t>(s)];
        Use(issue, state, "state", s);
        state.read_until = std::max(state.read_until, last_step);
      }
    }
    for (const StateRange& range : use.writes) {
      for (std::int64_t s = range.begin; s < range.begin + range.count; ++s) {
        Change(issue, states_[static_cast<std::size_t>(s)], ready, "state", s);
      }
    }
    if (vxm.op != VxmOp::kRoute) return;
    for (int i = 0; i < vxm.chosen; ++i) {
      const auto r = static_cast<std::size_t>(vxm.first_block + i);
      Change(issue, registers_[r], ready, "register", static_cast<std::int64_t>(r));
    }
  }

  void UseRegister(const Issue& issue, RegisterIndex index) {
    if (index == kNoRegister) return;
    Scalar& scalar = registers_[static_cast<std::size_t>(index)];
    Use(issue, scalar, "register", index);
    scalar.read_until = std::max(scalar.read_until, issue.cycle);
  }

  void Use(const Issue& issue, const Scalar& scalar, std::string_view name, std::int64_t number) {
    if (scalar.written && issue.cycle >= scalar.ready) return;
    faults_.Report(Rule::kMatrix, issue.instruction->unit, issue.cycle,
                   "found {} {} {}, wanted its value", name, number,
                   scalar.written ? fmt::format("ready on cycle {}", scalar.ready)
                                  : std::string("never written"));
  }

  void Change(const Issue& issue, Scalar& scalar, std::int64_t ready, std::string_view name,
              std::int64_t number) {
    if (scalar.written && issue.cycle < scalar.ready) {
      faults_.Report(Rule::kMatrix, issue.instruction->unit, issue.cycle,
                     "found {} {} on its way until cycle {}, wanted it there before it is "
                     "written again",
                     name, number, scalar.ready);
    }
    if (ready < scalar.read_until) {
      faults_.Report(Rule::kMatrix, issue.instruction->unit, issue.cycle,
                     "found {} {} in use until cycle {}, wanted no other value on {}", name, number,
                     scalar.read_until, ready);
    }
    scalar.written = true;
    scalar.ready = ready;
  }

  const ChipRun& run_;
  FirstFault& faults_;
  std::vector<Scalar> states_, registers_;
};

bool UsesScalars(const Action& action) {
  if (const auto* read = std::get_if<Read>(&action)) return read->address.index != kNoRegister;
  if (const auto* write = std::get_if<Write>(&action)) {
    return write->address.index != kNoRegister || write->condition.modulus != 0;
  }
  return std::holds_alternative<Vxm>(action);
}

}  // namespace

void CheckStates(const ChipRun& run, FirstFault& faults) {
  std::vector<const Issue*> issues;
  for (const Issue& issue : run.issues) {
    if (UsesScalars(issue.instruction->action)) issues.push_back(&issue);
  }
  std::stable_sort(issues.begin(), issues.end(),
                   [](const Issue* a, const Issue* b) { return a->cycle < b->cycle; });
  Scalars scalars(run, faults);
  for (const Issue* issue : issues) scalars.See(*issue);
}

}  // namespace millrace::isa

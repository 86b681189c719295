#include "isa/verify.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

// Registers that kRoute writes: the lowest experts it may choose, or the highest.
void SetRouted(const Program& program, RoutedTo routed, std::vector<std::int64_t>& registers) {
  for (const Block& block : program.blocks) {
    for (const Instruction& instruction : block.instructions) {
      const auto* vxm = std::get_if<Vxm>(&instruction.action);
      if (vxm == nullptr || vxm->op != VxmOp::kRoute) continue;
      const std::int64_t first = routed == RoutedTo::kLowest ? 0 : vxm->elements - vxm->chosen;
      for (int i = 0; i < vxm->chosen; ++i) {
        registers[static_cast<std::size_t>(vxm->first_block + i)] = first + i;
      }
    }
  }
}

// A count that stays at a limit once it has reached it.
class Count {
 public:
  explicit Count(std::int64_t limit) : limit_(limit) {}
  void Add(std::int64_t n, std::int64_t times) {
    const bool beyond = times != 0 && n > (limit_ - value_) / times;
    value_ = beyond ? limit_ + 1 : std::min(limit_ + 1, value_ + n * times);
  }
  bool exceeded() const { return value_ > limit_; }

 private:
  std::int64_t limit_, value_ = 0;
};

std::optional<Fault> TooMuch(std::int32_t chip, std::string_view what, std::int64_t limit) {
  return Fault{
      Rule::kOperand, chip, {}, 0, fmt::format("found more than {} {} in one step", limit, what)};
}

std::int64_t TimesOf(const Section& section, std::span<const std::int64_t> registers) {
  return section.repeats == kNoRegister ? 1 : registers[static_cast<std::size_t>(section.repeats)];
}

// Whether the launch is of a size that can be expanded.
std::optional<Fault> CheckWork(const Program& program, const Chip& chip,
                               std::span<const std::int64_t> registers) {
  Count cycles(kLimits.cycles);
  for (const Section& s : program.sections) cycles.Add(s.length_cycles, TimesOf(s, registers));
  if (cycles.exceeded()) return TooMuch(0, "cycles", kLimits.cycles);
  std::vector<std::int64_t> block_steps;
  for (const Block& block : program.blocks) {
    Count steps(kLimits.steps);
    std::int64_t sum = 0;
    for (const Instruction& i : block.instructions) {
      const std::int64_t count = StepsOf(chip, i).count;
      steps.Add(count, 1);
      if (steps.exceeded()) break;
      sum += count;
    }
    block_steps.push_back(steps.exceeded() ? kLimits.steps + 1 : sum);
  }
  for (std::size_t c = 0; c < program.chips.size(); ++c) {
    Count steps(kLimits.steps), issues(kLimits.issues);
    for (const Call& call : program.chips[c].calls) {
      const auto b = static_cast<std::size_t>(call.block);
      const std::int64_t times =
          TimesOf(program.sections[static_cast<std::size_t>(call.section)], registers);
      steps.Add(block_steps[b], times);
      issues.Add(std::ssize(program.blocks[b].instructions), times);
    }
    const auto number = static_cast<std::int32_t>(c);
    if (steps.exceeded()) return TooMuch(number, "steps", kLimits.steps);
    if (issues.exceeded()) return TooMuch(number, "instructions", kLimits.issues);
  }
  return {};
}

std::optional<Fault> VerifyLaunch(const Program& program, const System& system,
                                  std::span<const std::int64_t> registers) {
  if (auto fault = CheckWork(program, system.chip, registers)) return fault;
  const std::vector<std::int64_t> starts = SectionStarts(program, registers);
  LinkTraffic traffic;
  for (std::int32_t c = 0; c < system.chips(); ++c) {
    const std::vector<Issue> issues = Expand(program, c, registers, starts);
    const ChipRun run{program, system.chip, c, registers, starts.back(), issues};
    FirstFault faults(c);
    CheckIssue(run, faults);
    if (faults.fault()) return faults.fault();  // the others rely on the end of every instruction
    CheckPlanes(run, faults);
    CheckStates(run, faults);
    CheckMemory(run, faults);
    CheckStreams(run, faults);
    if (faults.fault()) return faults.fault();
    CollectLinks(run, traffic);
  }
  return CheckLinks(system, std::move(traffic));
}

std::optional<Fault> VerifyRouted(const Program& program, const System& system,
                                  std::span<const std::int32_t> positions, RoutedTo routed) {
  std::vector<std::int64_t> registers = RegistersAt(program, positions);
  SetRouted(program, routed, registers);
  return VerifyLaunch(program, system, registers);
}

// How many iterations of a loop are under way together, at most.
std::int64_t Overlap(const Program& program, const Chip& chip) {
  std::int64_t overlap = 1;
  for (const ChipProgram& chip_program : program.chips) {
    for (const Call& call : chip_program.calls) {
      const Section& section = program.sections[static_cast<std::size_t>(call.section)];
      if (section.repeats == kNoRegister || section.length_cycles == 0) continue;
      std::int64_t reach = 0;
      for (const Instruction& i : program.blocks[static_cast<std::size_t>(call.block)].instructions)
        reach = std::max(reach, i.cycle + StepsOf(chip, i).last());
      overlap = std::max(overlap, reach / section.length_cycles + 1);
    }
  }
  return overlap;
}

// First positions to try, for the first row.
std::vector<std::int32_t> LaunchPositions(const Program& program, const Chip& chip) {
  std::int32_t modulus = 1;
  for (const Block& block : program.blocks) {
    for (const Instruction& instruction : block.instructions) {
      if (const auto* write = std::get_if<Write>(&instruction.action))
        modulus = std::max(modulus, write->condition.modulus);
    }
  }
  const std::int64_t last = program.context - (program.shared_sequence ? program.rows : 1);
  const std::int64_t overlap = Overlap(program, chip);
  std::set<std::int64_t> positions = {
      0,   kKvBlock - 1, kKvBlock, 3 * kKvBlock - 1, overlap < last ? overlap * kKvBlock + 1 : 0,
      last};
  for (std::int32_t r = 1; r < std::min(modulus, kKvBlock); ++r) positions.insert(r);
  std::vector<std::int32_t> fitting;
  for (const std::int64_t p : positions) {
    if (p >= 0 && p <= last) fitting.push_back(static_cast<std::int32_t>(p));
  }
  return fitting;
}

}  // namespace

std::optional<Fault> VerifyAt(const Program& program, const System& system,
                              std::span<const std::int32_t> positions, RoutedTo routed) {
  if (auto fault = VerifyStructure(program, system)) return fault;
  MILLRACE_CHECK(positions.size() == static_cast<std::size_t>(program.rows));
  return VerifyRouted(program, system, positions, routed);
}

std::optional<Fault> Verify(const Program& program, const System& system) {
  if (auto fault = VerifyStructure(program, system)) return fault;
  const bool routes =
      std::any_of(program.registers.begin(), program.registers.end(),
                  [](const LaunchRegister& r) { return r.kind == LaunchRegister::Kind::kRouted; });
  for (const std::int32_t first : LaunchPositions(program, system.chip)) {
    std::vector<std::int32_t> positions(static_cast<std::size_t>(program.rows), first);
    for (std::int32_t row = 0; program.shared_sequence && row < program.rows; ++row) {
      positions[static_cast<std::size_t>(row)] = first + row;
    }
    for (const RoutedTo routed : {RoutedTo::kLowest, RoutedTo::kHighest}) {
      if (routed == RoutedTo::kHighest && !routes) continue;
      if (auto fault = VerifyRouted(program, system, positions, routed)) return fault;
    }
  }
  return {};
}

}  // namespace millrace::isa

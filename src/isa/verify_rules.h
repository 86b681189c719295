// The rule families of the verifier, one function each: they look at one chip in one launch.
// Internal to isa/verify.cc; the rules in words are docs/isa.md, "Valid programs".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "isa/expand.h"
#include "isa/fault.h"
#include "machine/system.h"

namespace millrace::isa {

// Keeps the fault with the lowest cycle of those reported; the first of equals.
class FirstFault {
 public:
  explicit FirstFault(std::int32_t chip) : chip_(chip) {}

  template <typename... Args>
  void Report(Rule rule, const Unit& unit, std::int64_t cycle, fmt::format_string<Args...> format,
              Args&&... args) {
    if (fault_ && fault_->cycle <= cycle) return;
    fault_ = Fault{rule, chip_, unit, cycle, fmt::format(format, std::forward<Args>(args)...)};
  }
  const std::optional<Fault>& fault() const { return fault_; }

 private:
  std::int32_t chip_;
  std::optional<Fault> fault_;
};

// One chip in one launch.
struct ChipRun {
  const Program& program;
  const Chip& chip;
  std::int32_t number;
  std::span<const std::int64_t> registers;
  std::int64_t end_cycle;         // of the program
  std::span<const Issue> issues;  // of Expand: by unit, then cycle
  std::span<const Issue> Of(UnitKind kind) const;
};

// The issues of the first unit in `issues`, which are taken off its front.
std::span<const Issue> TakeUnit(std::span<const Issue>& issues);

void CheckIssue(const ChipRun& run, FirstFault& faults);    // 1
void CheckMemory(const ChipRun& run, FirstFault& faults);   // 2, 6
void CheckStreams(const ChipRun& run, FirstFault& faults);  // 3
void CheckPlanes(const ChipRun& run, FirstFault& faults);   // 4: buffers, accumulators
void CheckStates(const ChipRun& run, FirstFault& faults);   // 4: states, registers

// 5, over all chips: vectors that were sent and received.
struct LinkStep {
  std::int32_t chip = 0;
  std::int32_t link = 0;
  std::int64_t cycle = 0;
  friend auto operator<=>(const LinkStep&, const LinkStep&) = default;
};
struct LinkTraffic {
  std::vector<LinkStep> sends, receives;
};
void CollectLinks(const ChipRun& run, LinkTraffic& traffic);
std::optional<Fault> CheckLinks(const System& system, LinkTraffic traffic);

// What is wrong with an instruction by itself, whatever the launch.
std::optional<std::string> OperandProblem(const Program& program, const Chip& chip,
                                          const Instruction& instruction);

// Whether the place of a tensor of elements [first, first + count) lies within its chip.
std::optional<std::string> PlaceProblem(const Program& program, const Chip& chip,
                                        const TensorPlace& place, std::int64_t first,
                                        std::int64_t count);

}  // namespace millrace::isa

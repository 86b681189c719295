#include "compiler/section_builder.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace millrace::compiler {

SectionBuilder::SectionBuilder(const Floorplan& plan, std::int32_t members, std::int32_t period)
    : table_(plan.resources(), period), instructions_(static_cast<std::size_t>(members)) {}

void SectionBuilder::Keep(const Task& task, std::int64_t base) {
  table_.Reserve(task.usages(), base);
  if (table_.period() != 0) {
    for (Usage usage : task.usages()) {
      usage.first += static_cast<std::int32_t>(base);
      placed_.push_back(usage);
    }
  }
  for (const TimedInstruction& timed : task.instructions()) {
    for (std::size_t member = 0; member < instructions_.size(); ++member) {
      if (timed.member != kAllChips && timed.member != static_cast<std::int32_t>(member)) continue;
      isa::Instruction instruction = timed.instruction;
      instruction.cycle += static_cast<std::int32_t>(base);
      MILLRACE_CHECK(instruction.cycle >= 0);
      instructions_[member].push_back(std::move(instruction));
    }
  }
}

std::optional<std::int64_t> SectionBuilder::TryPlace(const Task& task, std::int64_t ready) {
  const auto base = table_.EarliestFit(task.usages(), ready);
  if (base) Keep(task, *base);
  return base;
}

std::int64_t SectionBuilder::Place(const Task& task, std::int64_t ready) {
  const auto base = TryPlace(task, ready);
  MILLRACE_CHECK(base.has_value());
  return *base;
}

std::optional<SectionBuilder::Choice> SectionBuilder::TryPlaceEarliest(
    const std::vector<Task>& tasks, std::int64_t ready) {
  std::optional<Choice> best;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto base = table_.EarliestFit(tasks[i].usages(), ready);
    if (base && (!best || *base < best->base)) best = Choice{i, *base};
  }
  if (best) Keep(tasks[best->index], best->base);
  return best;
}

SectionBuilder::Choice SectionBuilder::PlaceEarliest(const std::vector<Task>& tasks,
                                                     std::int64_t ready) {
  const auto choice = TryPlaceEarliest(tasks, ready);
  MILLRACE_CHECK(choice.has_value());
  return *choice;
}

std::vector<isa::Instruction> SectionBuilder::Instructions(std::int32_t member) const {
  auto sorted = instructions_[static_cast<std::size_t>(member)];
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.cycle, a.unit) < std::tie(b.cycle, b.unit);
  });
  return sorted;
}

std::vector<Usage> SectionBuilder::Drain() const {
  std::vector<Usage> drain;
  for (const Usage& usage : placed_) {
    // The last iteration began one period before the end, the one before it two, ...
    for (std::int32_t back = table_.period();; back += table_.period()) {
      Usage late = usage;
      late.first -= back;
      while (late.count > 0 && late.first < 0) {
        late.first += late.interval;
        --late.count;
      }
      if (late.count == 0) break;
      drain.push_back(late);
    }
  }
  return drain;
}

}  // namespace millrace::compiler

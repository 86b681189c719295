#include "isa/expand.h"

#include <algorithm>

#include "base/overloaded.h"

namespace millrace::isa {
namespace {

// The issues of one call: every iteration of its block.
void ExpandCall(const Program& program, const Call& call, std::span<const std::int64_t> registers,
                std::span<const std::int64_t> starts, std::vector<Issue>& issues) {
  const auto section_index = static_cast<std::size_t>(call.section);
  const Section& section = program.sections[section_index];
  const Block& block = program.blocks[static_cast<std::size_t>(call.block)];
  const std::int64_t times =
      section.repeats == kNoRegister ? 1 : registers[static_cast<std::size_t>(section.repeats)];
  for (std::int64_t i = 0; i < times; ++i) {
    const std::int64_t begin = starts[section_index] + i * section.length_cycles;
    for (const Instruction& instruction : block.instructions) {
      issues.push_back({.cycle = begin + instruction.cycle,
                        .instruction = &instruction,
                        .call = &call,
                        .iteration = i});
    }
  }
}

// Gives every pass the last load into its buffer that was issued before it.
void FindTiles(std::vector<Issue>& issues) {
  std::vector<const Load*> tiles;
  const Unit* unit = nullptr;
  for (Issue& issue : issues) {
    if (unit == nullptr || *unit != issue.instruction->unit) tiles.assign(256, nullptr);
    unit = &issue.instruction->unit;
    if (const auto* load = std::get_if<Load>(&issue.instruction->action)) {
      tiles[load->buffer] = load;
    } else if (const auto* pass = std::get_if<Pass>(&issue.instruction->action)) {
      issue.tile = tiles[pass->buffer];
    }
  }
}

}  // namespace

std::vector<Issue> Expand(const Program& program, std::int32_t chip,
                          std::span<const std::int64_t> registers,
                          std::span<const std::int64_t> starts) {
  std::vector<Issue> issues;
  for (const Call& call : program.chips[static_cast<std::size_t>(chip)].calls) {
    ExpandCall(program, call, registers, starts, issues);
  }
  std::stable_sort(issues.begin(), issues.end(), [](const Issue& a, const Issue& b) {
    if (a.instruction->unit != b.instruction->unit) {
      return a.instruction->unit < b.instruction->unit;
    }
    return a.cycle < b.cycle;
  });
  FindTiles(issues);
  return issues;
}

Steps StepsOf(const Chip& chip, const Instruction& instruction) {
  return std::visit(Overloaded{[](const Read& a) {
                                 return Steps{a.count, a.interval};
                               },
                               [](const Write& a) {
                                 return Steps{a.count, a.interval};
                               },
                               [&](const Load& a) {
                                 return Steps{LoadCycles(chip, a.vectors), 1};
                               },
                               [](const Pass& a) {
                                 return Steps{a.count, a.interval};
                               },
                               [](const Emit& a) {
                                 return Steps{a.count, a.interval};
                               },
                               [&](const Vxm& a) {
                                 return Steps{a.count, VxmTiming(chip, a).interval_cycles};
                               },
                               [](const Shift& a) {
                                 return Steps{a.count, 1};
                               },
                               [&](const Send& a) {
                                 return Steps{a.count, chip.links.vector_cycles};
                               },
                               [&](const Receive& a) {
                                 return Steps{a.count, chip.links.vector_cycles};
                               }},
                    instruction.action);
}

std::int64_t WordOf(const Address& address, const Issue& issue,
                    std::span<const std::int64_t> registers) {
  std::int64_t word = address.base + issue.iteration * address.iteration_stride;
  if (address.segment < issue.call->relocations.size()) {
    word += issue.call->relocations[address.segment];
  }
  if (address.index != kNoRegister) {
    word += registers[static_cast<std::size_t>(address.index)] / address.divisor *
            address.register_stride;
  }
  return word;
}

bool TakesPlace(const Condition& condition, std::span<const std::int64_t> registers) {
  return condition.modulus == 0 ||
         registers[static_cast<std::size_t>(condition.index)] % condition.modulus ==
             condition.remainder;
}

}  // namespace millrace::isa

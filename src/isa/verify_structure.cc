// What holds for every launch: sizes within limits, indices within their tables, images and tensors
// within memory. After this, every field can be used without further questions.
#include <algorithm>
#include <map>

#include "isa/verify.h"
#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

using Problem = std::optional<std::string>;

template <typename... Args>
std::optional<Fault> Wrong(std::int32_t chip, fmt::format_string<Args...> format, Args&&... args) {
  return Fault{Rule::kOperand, chip, {}, 0, fmt::format(format, std::forward<Args>(args)...)};
}

std::optional<Fault> CheckSizes(const Program& p, const System& system) {
  if (p.rows < 1 || p.rows > kLimits.rows) {
    return Wrong(0, "found {} rows, wanted 1 to {}", p.rows, kLimits.rows);
  }
  if (p.context < 1 || p.context > kLimits.positions) {
    return Wrong(0, "found a context of {}, wanted 1 to {}", p.context, kLimits.positions);
  }
  if (p.shared_sequence && p.rows > p.context) {
    return Wrong(0, "found {} rows of one sequence, the context has {}", p.rows, p.context);
  }
  if (p.hidden < 1 || p.vocabulary < 1) {
    return Wrong(0, "found hidden {} and vocabulary {}, wanted both above 0", p.hidden,
                 p.vocabulary);
  }
  if (p.chips.size() != static_cast<std::size_t>(system.chips())) {
    return Wrong(0, "found {} chips, the machine has {}", p.chips.size(), system.chips());
  }
  return {};
}

std::optional<Fault> CheckRegistersAndSections(const Program& p) {
  for (std::size_t i = 0; i < p.registers.size(); ++i) {
    const LaunchRegister& r = p.registers[i];
    if (r.row < 0 || r.row >= p.rows || r.window < 0) {
      return Wrong(0, "found register {} of row {}, window {}, the program has {} rows", i, r.row,
                   r.window, p.rows);
    }
  }
  for (std::size_t i = 0; i < p.sections.size(); ++i) {
    const Section& section = p.sections[i];
    if (section.length_cycles < 0) {
      return Wrong(0, "found section {} of {} cycles", i, section.length_cycles);
    }
    if (section.repeats == kNoRegister) continue;
    const auto index = static_cast<std::size_t>(section.repeats);
    if (section.repeats < 0 || index >= p.registers.size() ||
        p.registers[index].kind != LaunchRegister::Kind::kBlocks) {
      return Wrong(0, "found section {} repeated by register {}, wanted one that counts blocks", i,
                   section.repeats);
    }
  }
  return {};
}

std::uint8_t SegmentOf(const Action& action) {
  if (const auto* read = std::get_if<Read>(&action)) return read->address.segment;
  if (const auto* write = std::get_if<Write>(&action)) return write->address.segment;
  return 0;
}

// highest_segment: of all its addresses.
std::optional<Fault> CheckBlock(const Program& p, const Chip& chip, const Block& block,
                                std::uint8_t& highest_segment) {
  highest_segment = 0;
  const Instruction* before = nullptr;
  for (const Instruction& instruction : block.instructions) {
    auto problem = OperandProblem(p, chip, instruction);
    if (!problem && instruction.cycle < 0) problem = "found a cycle below 0";
    if (!problem && before != nullptr &&
        std::pair(before->cycle, before->unit) > std::pair(instruction.cycle, instruction.unit)) {
      problem = "found an instruction before the one above it, wanted them by cycle, then unit";
    }
    if (problem) {
      return Fault{Rule::kOperand, 0, instruction.unit, instruction.cycle,
                   fmt::format("block '{}': {}", block.name, *problem)};
    }
    highest_segment = std::max(highest_segment, SegmentOf(instruction.action));
    before = &instruction;
  }
  return {};
}

std::optional<Fault> CheckCalls(const Program& p, std::int32_t number,
                                std::span<const std::uint8_t> highest_segments) {
  std::int32_t section = 0;
  for (const Call& call : p.chips[static_cast<std::size_t>(number)].calls) {
    if (call.section < section || static_cast<std::size_t>(call.section) >= p.sections.size()) {
      return Wrong(number, "found a call in section {}, wanted {} to {}", call.section, section,
                   std::ssize(p.sections) - 1);
    }
    section = call.section;
    if (call.block < 0 || static_cast<std::size_t>(call.block) >= p.blocks.size()) {
      return Wrong(number, "found a call of block {}, the program has {}", call.block,
                   p.blocks.size());
    }
    const std::uint8_t highest = highest_segments[static_cast<std::size_t>(call.block)];
    if (call.relocations.size() > 256 || (highest > 0 && highest >= call.relocations.size())) {
      return Wrong(number, "found {} relocations, the block has segment {}",
                   call.relocations.size(), highest);
    }
    if (!call.relocations.empty() && call.relocations[0] != 0) {
      return Wrong(number, "found segment 0 relocated by {}, wanted 0", call.relocations[0]);
    }
  }
  return {};
}

std::optional<Fault> CheckImage(const ChipProgram& program, const Chip& chip, std::int32_t number) {
  const auto wrong = [&](const ImagePart& part, std::string message) {
    return Fault{Rule::kMemory, number, part.slice, 0, std::move(message)};
  };
  std::vector<const ImagePart*> parts;
  for (const ImagePart& part : program.image) {
    if (part.slice.kind != UnitKind::kMem || part.slice.index >= chip.mem.per_hemisphere) {
      return wrong(part, "found an image part, wanted it in a memory slice");
    }
    if (part.word < 0 || part.words < 0 || std::int64_t{part.word} + part.words > chip.mem.words) {
      return wrong(part, fmt::format("found an image part of {} words from {}, the slice has {}",
                                     part.words, part.word, chip.mem.words));
    }
    if (part.bytes.size() >
        static_cast<std::size_t>(std::int64_t{part.words} * chip.vector_bytes)) {
      return wrong(part, fmt::format("found {} bytes in {} words", part.bytes.size(), part.words));
    }
    if (part.words > 0) parts.push_back(&part);
  }
  std::sort(parts.begin(), parts.end(), [](const ImagePart* a, const ImagePart* b) {
    return std::pair(a->slice, a->word) < std::pair(b->slice, b->word);
  });
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const ImagePart &a = *parts[i - 1], &b = *parts[i];
    if (a.slice == b.slice && a.word + a.words > b.word) {
      return wrong(
          b, fmt::format("found image parts at words {} and {} that overlap", a.word, b.word));
    }
  }
  return {};
}

std::optional<Fault> CheckPlaces(const Program& p, const Chip& chip) {
  for (const ProgramInput& input : p.inputs) {
    const bool embedding = input.kind == ProgramInput::Kind::kEmbedding;
    Problem problem =
        PlaceProblem(p, chip, input.place, 0, embedding ? p.hidden : input.place.step_elements);
    if (!problem && (input.row < 0 || input.row >= p.rows)) {
      problem = fmt::format("found row {}, the program has {}", input.row, p.rows);
    }
    if (!problem && input.table < 0) problem = fmt::format("found rope table {}", input.table);
    if (problem) return Wrong(input.place.chip, "an input: {}", *problem);
  }
  for (const ProgramOutput& output : p.outputs) {
    Problem problem;
    if (output.row < 0 || output.row >= p.rows) {
      problem = fmt::format("found row {}, the program has {}", output.row, p.rows);
    } else if (output.first < 0 || output.count < 1 || output.first > p.vocabulary ||
               output.count > p.vocabulary - output.first) {
      problem = fmt::format("found {} logits from {}, the vocabulary has {}", output.count,
                            output.first, p.vocabulary);
    } else {
      problem = PlaceProblem(p, chip, output.place, output.first, output.count);
    }
    if (problem) return Wrong(output.place.chip, "an output: {}", *problem);
  }
  return {};
}

}  // namespace

std::optional<std::string> PlaceProblem(const Program& program, const Chip& chip,
                                        const TensorPlace& place, std::int64_t first,
                                        std::int64_t count) {
  if (place.chip < 0 || static_cast<std::size_t>(place.chip) >= program.chips.size()) {
    return fmt::format("found chip {}, the program has {}", place.chip, program.chips.size());
  }
  const std::int32_t step_slices = 4;
  const std::int64_t most = std::int64_t{step_slices} * chip.vector_bytes / 4;
  if (place.step_elements < 1 || place.step_elements > most) {
    return fmt::format("found {} elements a step, wanted 1 to {}", place.step_elements, most);
  }
  const std::int64_t slices =
      (std::int64_t{4} * place.step_elements + chip.vector_bytes - 1) / chip.vector_bytes;
  if (place.slice < 0 || place.slice + slices > chip.mem.per_hemisphere) {
    return fmt::format("found slices {} to {}, a hemisphere has {}", place.slice,
                       place.slice + slices - 1, chip.mem.per_hemisphere);
  }
  const std::int64_t last = (first + count - 1) / place.step_elements;
  if (place.word < 0 || place.word + last >= chip.mem.words) {
    return fmt::format("found words {} to {}, a slice has {}", place.word, place.word + last,
                       chip.mem.words);
  }
  return {};
}

std::optional<Fault> VerifyStructure(const Program& program, const System& system) {
  if (auto fault = CheckSizes(program, system)) return fault;
  if (auto fault = CheckRegistersAndSections(program)) return fault;
  std::vector<std::uint8_t> segments(program.blocks.size());
  for (std::size_t b = 0; b < program.blocks.size(); ++b) {
    if (auto fault = CheckBlock(program, system.chip, program.blocks[b], segments[b])) return fault;
  }
  for (std::size_t c = 0; c < program.chips.size(); ++c) {
    const auto number = static_cast<std::int32_t>(c);
    if (auto fault = CheckCalls(program, number, segments)) return fault;
    if (auto fault = CheckImage(program.chips[c], system.chip, number)) return fault;
  }
  return CheckPlaces(program, system.chip);
}

}  // namespace millrace::isa

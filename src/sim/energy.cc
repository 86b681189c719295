#include "sim/energy.h"

#include <map>
#include <utility>
#include <vector>

namespace millrace::sim {
namespace {

// One iteration of a block. The tile of a pass is the load into its buffer before it, in the block.
LaunchWork WorkOfBlock(const isa::Block& block) {
  LaunchWork work;
  std::map<std::pair<isa::Unit, int>, const isa::Load*> tiles;
  for (const isa::Instruction& instruction : block.instructions) {
    const isa::Action& action = instruction.action;
    if (const auto* read = std::get_if<isa::Read>(&action)) work.sram_words += read->count;
    if (const auto* write = std::get_if<isa::Write>(&action)) {
      if (write->end_byte > write->first_byte) work.sram_words += write->count;
    }
    if (const auto* send = std::get_if<isa::Send>(&action)) work.link_vectors += send->count;
    if (const auto* load = std::get_if<isa::Load>(&action)) {
      tiles[{instruction.unit, load->buffer}] = load;
    }
    if (const auto* pass = std::get_if<isa::Pass>(&action)) {
      const isa::Load* tile = tiles[{instruction.unit, pass->buffer}];
      if (tile == nullptr) continue;
      const std::int64_t products = std::int64_t{pass->count} * tile->k * tile->columns;
      (IsQuantised(tile->dtype) ? work.int8_products : work.float_products) += products;
    }
  }
  return work;
}

}  // namespace

LaunchWork WorkOf(const isa::Program& program, std::span<const std::int64_t> registers) {
  std::vector<LaunchWork> blocks;
  for (const isa::Block& block : program.blocks) blocks.push_back(WorkOfBlock(block));
  LaunchWork sum;
  for (const isa::ChipProgram& chip : program.chips) {
    for (const isa::Call& call : chip.calls) {
      const isa::Section& section = program.sections[static_cast<std::size_t>(call.section)];
      const std::int64_t times = section.repeats == isa::kNoRegister
                                     ? 1
                                     : registers[static_cast<std::size_t>(section.repeats)];
      const LaunchWork& block = blocks[static_cast<std::size_t>(call.block)];
      sum.sram_words += times * block.sram_words;
      sum.int8_products += times * block.int8_products;
      sum.float_products += times * block.float_products;
      sum.link_vectors += times * block.link_vectors;
    }
  }
  return sum;
}

double EnergyOf(const isa::Program& program, const System& system,
                std::span<const std::int64_t> registers) {
  const LaunchWork work = WorkOf(program, registers);
  const Chip& chip = system.chip;
  const auto seconds =
      static_cast<double>(isa::SectionStarts(program, registers).back()) / chip.clock_hz;
  return static_cast<double>(work.sram_words) * chip.vector_bytes * chip.energy.sram_byte_j +
         static_cast<double>(work.link_vectors) * chip.vector_bytes * chip.energy.link_byte_j +
         static_cast<double>(work.int8_products) * chip.energy.mac_int8_j +
         static_cast<double>(work.float_products) * chip.energy.mac_fp16_j +
         seconds * chip.energy.idle_w * system.chips();
}

}  // namespace millrace::sim

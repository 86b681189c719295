// MEM slices: reads, writes, and the rules of their ports and words (kMemoryPort, kMemory).
#include <fmt/format.h>

#include "sim/step_run.h"

namespace millrace::sim {

void StepRun::BeginMem(Running& running, const isa::Address& address) {
  const Issue& issue = running.issue;
  running.word = address.base + issue.iteration * address.iteration_stride;
  if (address.segment < issue.call->relocations.size()) {
    running.word += issue.call->relocations[address.segment];
  }
  if (address.index != isa::kNoRegister) {
    const auto value = ReadRegister(issue, address.index);
    if (!value) return;
    running.word += *value / address.divisor * address.register_stride;
  }
  const auto* write = std::get_if<isa::Write>(&issue.instruction->action);
  if (write == nullptr) return;
  running.takes_place = write->end_byte > write->first_byte;
  if (write->condition.modulus == 0) return;
  const auto value = ReadRegister(issue, write->condition.index);
  if (!value) return;
  running.takes_place &= *value % write->condition.modulus == write->condition.remainder;
}

bool StepRun::UsePort(const Running& running, std::int64_t word, bool write) {
  const std::size_t slice = UnitNumber(chip_, running.issue.instruction->unit);
  if (word < 0 || word >= chip_.mem.words) {
    Fail(running.issue, isa::Rule::kMemoryPort,
         fmt::format("word {} of a slice of {}", word, chip_.mem.words));
    return false;
  }
  SlicePorts& ports = chip_state(running).ports[slice];
  const std::int64_t bank = word / chip_.bank_words();
  const bool used = (write ? ports.write_cycle : ports.read_cycle) == now_;
  const bool other_in_bank = write ? ports.read_cycle == now_ && ports.read_bank == bank
                                   : ports.write_cycle == now_ && ports.write_bank == bank;
  if (used || other_in_bank) {
    Fail(running.issue, isa::Rule::kMemoryPort,
         used ? fmt::format("a second {} on this cycle", write ? "write" : "read")
              : fmt::format("a read and a write in bank {} on this cycle", bank));
    return false;
  }
  (write ? ports.write_cycle : ports.read_cycle) = now_;
  (write ? ports.write_bank : ports.read_bank) = bank;
  return true;
}

void StepRun::Step(const Running& running, const isa::Read& read, std::int64_t step) {
  const std::int64_t word = running.word + step * read.stride;
  if (!UsePort(running, word, false)) return;
  const isa::Unit& unit = running.issue.instruction->unit;
  const SliceMemory& memory = chip_state(running).memory[UnitNumber(chip_, unit)];
  const std::int64_t readable = memory.ReadableFrom(word);
  if (readable > now_) {
    return Fail(running.issue, isa::Rule::kMemory,
                readable == SliceMemory::kNever
                    ? fmt::format("word {} was never written", word)
                    : fmt::format("word {} can be read from cycle {} on", word, readable));
  }
  DriveLater(running, {unit.side, read.flow, read.stream, chip_.slice_position(unit.index)},
             now_ + chip_.mem.read_latency_cycles, memory.Word(word));
}

void StepRun::Step(const Running& running, const isa::Write& write, std::int64_t step) {
  const isa::Unit& unit = running.issue.instruction->unit;
  const StreamPoint at{unit.side, write.flow, write.stream, chip_.slice_position(unit.index)};
  const std::byte* vector = Take(running, at);
  if (vector == nullptr) return;
  if (write.take) {
    Push({.cycle = now_, .phase = Phase::kTake, .chip = running.issue.chip, .at = at});
  }
  const std::int64_t word = running.word + step * write.stride;
  if (!running.takes_place || !UsePort(running, word, true)) return;
  SliceMemory& memory = chip_state(running).memory[UnitNumber(chip_, unit)];
  memory.Write(word, write.first_byte, {vector + write.first_byte, vector + write.end_byte},
               now_ + chip_.mem.write_latency_cycles);
}

}  // namespace millrace::sim

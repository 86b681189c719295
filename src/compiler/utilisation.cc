#include "compiler/utilisation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/overloaded.h"
#include "isa/expand.h"

namespace millrace::compiler {
namespace {

using Kind = WordRange::Kind;

std::size_t Index(std::int64_t i) { return static_cast<std::size_t>(i); }

// What every word of a chip's slices holds; later marks do not replace earlier ones.
class WordMap {
 public:
  explicit WordMap(const Chip& chip)
      : chip_(chip), words_(Index(2 * chip.mem.per_hemisphere), std::vector<char>()) {}

  void Mark(const isa::Unit& slice, std::int64_t word, Kind kind) {
    std::vector<char>& marks = words_[SliceIndex(slice)];
    if (marks.empty()) marks.assign(Index(chip_.mem.words), kFree);
    if (word < 0 || word >= chip_.mem.words) return;  // registers of another position
    char& mark = marks[Index(word)];
    if (mark == kFree) mark = static_cast<char>(static_cast<int>(kind) + 1);
  }

  std::vector<SliceUse> Slices() const {
    std::vector<SliceUse> slices;
    for (std::size_t s = 0; s < words_.size(); ++s) {
      const auto per_side = Index(chip_.mem.per_hemisphere);
      const isa::Unit slice{isa::UnitKind::kMem,
                            s < per_side ? isa::Hemisphere::kWest : isa::Hemisphere::kEast,
                            static_cast<std::uint16_t>(s % per_side)};
      slices.push_back({slice, Ranges(words_[s])});
    }
    return slices;
  }

 private:
  static constexpr char kFree = 0;

  std::size_t SliceIndex(const isa::Unit& slice) const {
    return Index(static_cast<std::int64_t>(slice.side) * chip_.mem.per_hemisphere + slice.index);
  }
  static std::vector<WordRange> Ranges(const std::vector<char>& marks) {
    std::vector<WordRange> ranges;
    for (std::size_t begin = 0; begin < marks.size();) {
      std::size_t end = begin + 1;
      while (end < marks.size() && marks[end] == marks[begin]) ++end;
      if (marks[begin] != kFree) {
        ranges.push_back({static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end),
                          static_cast<Kind>(marks[begin] - 1)});
      }
      begin = end;
    }
    return ranges;
  }

  const Chip& chip_;
  std::vector<std::vector<char>> words_;  // by slice; empty: nothing there
};

// Adds up the issues of one chip.
class ChipMeter {
 public:
  ChipMeter(const System& system, std::int32_t chip, std::span<const std::int64_t> registers,
            isa::StepWork& work,
            std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t>& traffic)
      : system_(system),
        chip_number_(chip),
        registers_(registers),
        work_(work),
        traffic_(traffic),
        words_(system.chip) {
    for (const isa::Port& port : isa::PortsOf(system.chip)) ports_.push_back({port});
  }

  void AddImage(std::span<const isa::ImagePart> image) {
    for (const isa::ImagePart& part : image) {
      for (std::int32_t i = 0; i < part.words; ++i) {
        words_.Mark(part.slice, part.word + i, part.bytes.empty() ? Kind::kZeros : Kind::kImage);
      }
    }
  }

  // The host writes and reads whole steps of four slices.
  void AddPlace(const isa::TensorPlace& place, std::int64_t elements) {
    if (place.chip != chip_number_) return;
    const std::int64_t steps = (elements + place.step_elements - 1) / place.step_elements;
    const std::int64_t slices =
        (std::int64_t{4} * place.step_elements + system_.chip.vector_bytes - 1) /
        system_.chip.vector_bytes;
    for (std::int64_t s = 0; s < slices; ++s) {
      const isa::Unit slice{isa::UnitKind::kMem, place.side,
                            static_cast<std::uint16_t>(place.slice + s)};
      for (std::int64_t i = 0; i < steps; ++i) words_.Mark(slice, place.word + i, Kind::kWork);
    }
  }

  void Add(const isa::Issue& issue) {
    const isa::Instruction& instruction = *issue.instruction;
    if (const auto* write = std::get_if<isa::Write>(&instruction.action)) {
      if (!isa::TakesPlace(write->condition, registers_)) return;
    }
    const isa::Port port{instruction.unit, isa::PortOf(instruction.action)};
    const auto at = std::lower_bound(
        ports_.begin(), ports_.end(), port,
        [](const PortUse& use, const isa::Port& wanted) { return use.port < wanted; });
    MILLRACE_CHECK(at != ports_.end() && at->port == port);
    ++at->instructions;
    at->busy_cycles += isa::StepsOf(system_.chip, instruction).busy_cycles();
    AddPlaces(issue);
    isa::AddWork(system_.chip, issue, registers_, work_);
  }

  ChipUse Finish() { return {std::move(ports_), words_.Slices()}; }

 private:
  void AddPlaces(const isa::Issue& issue) {
    std::visit(Overloaded{[&](const isa::Read& read) { Touch(issue, read); },
                          [&](const isa::Write& write) { Touch(issue, write); },
                          [&](const isa::Send& send) { AddSend(issue, send); }, [](const auto&) {}},
               issue.instruction->action);
  }

  void Touch(const isa::Issue& issue, const auto& access) {
    const std::int64_t word = isa::WordOf(access.address, issue, registers_);
    for (std::int64_t i = 0; i < access.count; ++i) {
      words_.Mark(issue.instruction->unit, word + i * access.stride, Kind::kWork);
    }
  }

  void AddSend(const isa::Issue& issue, const isa::Send& send) {
    const auto end = system_.Peer(chip_number_, issue.instruction->unit.index);
    if (end) traffic_[{chip_number_, end->chip}] += send.count;
  }

  const System& system_;
  std::int32_t chip_number_;
  std::span<const std::int64_t> registers_;
  isa::StepWork& work_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t>& traffic_;
  std::vector<PortUse> ports_;
  WordMap words_;
};

std::vector<KindUse> Kinds(const Utilisation& all) {
  std::vector<KindUse> kinds;
  for (const isa::PortKind kind : isa::kPortKinds) {
    KindUse use{.kind = kind};
    std::int64_t busy = 0, most = 0;
    for (const ChipUse& chip : all.chips) {
      const bool idle = std::all_of(chip.ports.begin(), chip.ports.end(),
                                    [](const PortUse& port) { return port.instructions == 0; });
      for (const PortUse& port : chip.ports) {
        if (idle || port.port.kind != kind) continue;
        ++use.ports;
        use.instructions += port.instructions;
        busy += port.busy_cycles;
        most = std::max(most, port.busy_cycles);
      }
    }
    if (use.ports > 0 && all.cycles > 0) {
      const auto cycles = static_cast<double>(all.cycles);
      use.average = static_cast<double>(busy) / (static_cast<double>(use.ports) * cycles);
      use.busiest = static_cast<double>(most) / cycles;
    }
    kinds.push_back(use);
  }
  return kinds;
}

void AddPlaces(const isa::Program& program, ChipMeter& meter) {
  for (const isa::ProgramInput& input : program.inputs) {
    const bool embedding = input.kind == isa::ProgramInput::Kind::kEmbedding;
    meter.AddPlace(input.place, embedding ? program.hidden : 1);
  }
  for (const isa::ProgramOutput& output : program.outputs) {
    meter.AddPlace(output.place, output.first + output.count);
  }
}

}  // namespace

std::int64_t SliceUse::words() const {
  std::int64_t words = 0;
  for (const WordRange& range : ranges) words += range.end - range.begin;
  return words;
}

Utilisation Measure(const isa::Program& program, const System& system, std::int32_t position) {
  const std::vector<std::int32_t> positions(Index(program.rows), position);
  const std::vector<std::int64_t> registers = isa::RegistersAt(program, positions);
  const std::vector<std::int64_t> starts = isa::SectionStarts(program, registers);
  Utilisation all;
  all.cycles = starts.back();
  all.position = position;
  for (std::size_t s = 0; s < program.sections.size(); ++s) {
    const isa::Section& section = program.sections[s];
    const bool loop = section.repeats != isa::kNoRegister;
    all.sections.push_back({section.name, starts[s], starts[s + 1] - starts[s],
                            loop ? registers[Index(section.repeats)] : 1});
  }
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> traffic;
  for (std::size_t c = 0; c < program.chips.size(); ++c) {
    const auto number = static_cast<std::int32_t>(c);
    ChipMeter meter(system, number, registers, all.work, traffic);
    meter.AddImage(program.chips[c].image);
    AddPlaces(program, meter);
    for (const isa::Issue& issue : isa::Expand(program, number, registers, starts)) {
      meter.Add(issue);
    }
    all.chips.push_back(meter.Finish());
  }
  for (const auto& [ends, vectors] : traffic) {
    all.traffic.push_back({ends.first, ends.second, vectors});
  }
  all.kinds = Kinds(all);
  all.energy = isa::EnergyOf(all.work, system, all.cycles);
  return all;
}

}  // namespace millrace::compiler

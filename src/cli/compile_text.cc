#include "cli/compile_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace millrace {
namespace {

std::string Line(std::string_view label, const std::string& text) {
  return fmt::format("{:<15} {}\n", label, text);
}

std::string TimeText(const compiler::Report& report) {
  std::string cycles =
      fmt::format("{} + {} for every 64 positions", report.fixed_cycles, report.cycles_per_block);
  for (const auto& [window, a_block] : report.windowed_cycles) {
    cycles += fmt::format(" + {} for every 64 within the last {}", a_block, window);
  }
  std::string text = Line("cycles", cycles);
  text += Line(fmt::format("at position {}", report.position),
               fmt::format("{} cycles, {:.2f} us, {:.0f} tokens/s", report.cycles,
                           report.seconds() * 1e6, 1 / report.seconds()));
  return text + Line("lower bound", fmt::format("{} cycles: {:.2f} times that",
                                                report.lower_bound_cycles, report.ratio()));
}

std::string KindsText(const compiler::Utilisation& use) {
  std::string text;
  for (const compiler::KindUse& kind : use.kinds) {
    if (kind.instructions == 0) continue;
    text +=
        Line(isa::Name(kind.kind),
             fmt::format("{:5.1f} % busy, the busiest of {} {:5.1f} %, {} instructions",
                         100 * kind.average, kind.ports, 100 * kind.busiest, kind.instructions));
  }
  return text;
}

// Of the chip and the slice that hold most.
std::string SramText(const compiler::Report& report, const System& system,
                     const compiler::Utilisation& use) {
  std::int64_t fullest_slice = 0, fullest_chip = 0;
  for (const compiler::ChipUse& chip : use.chips) {
    std::int64_t words = 0;
    for (const compiler::SliceUse& slice : chip.slices) {
      words += slice.words();
      fullest_slice = std::max(fullest_slice, slice.words());
    }
    fullest_chip = std::max(fullest_chip, words);
  }
  const auto bytes = static_cast<double>(fullest_chip * system.chip.vector_bytes);
  const std::string slice =
      fmt::format("{} of {} words", report.install_words_used, report.install_words);
  return Line("weight slices", slice) +
         Line("SRAM", fmt::format("{:.1f} of {:.1f} MB of the fullest chip; the fullest slice {} "
                                  "words",
                                  bytes / 1e6, static_cast<double>(system.chip.sram_bytes()) / 1e6,
                                  fullest_slice));
}

std::string WorkText(const isa::StepWork& work) {
  const auto millions = [](std::int64_t n) { return static_cast<double>(n) / 1e6; };
  return Line("a step", fmt::format("{:.2f} MB read, {:.2f} MB written, {:.3f} MB over links",
                                    millions(work.sram_read_bytes),
                                    millions(work.sram_written_bytes), millions(work.link_bytes))) +
         Line("", fmt::format("{:.2f} M multiply-adds in 8 bits, {:.2f} M in 16",
                              millions(work.int8_macs), millions(work.float_macs)));
}

std::string_view ProvenanceOf(const MachineFile& machine, std::string_view key) {
  for (const Figure& figure : machine.figures) {
    if (figure.key == key) return Name(figure.provenance);
  }
  return "no figure";
}

std::string EnergyText(const isa::Energy& energy, const MachineFile& machine, std::int32_t rows) {
  struct Part {
    std::string_view name, key;
    const std::optional<double>& joules;
  };
  const Part parts[] = {{"idle", "chip.energy.idle_w", energy.idle},
                        {"SRAM", "chip.energy.sram_byte_j", energy.sram},
                        {"8-bit MXM", "chip.energy.mac_int8_j", energy.int8_macs},
                        {"16-bit MXM", "chip.energy.mac_fp16_j", energy.float_macs},
                        {"links", "chip.energy.link_byte_j", energy.links}};
  std::vector<std::string> known;
  std::vector<std::string_view> unknown;
  for (const Part& part : parts) {
    if (part.joules) {
      known.push_back(fmt::format("{} {:.2f} uJ ({})", part.name, *part.joules * 1e6 / rows,
                                  ProvenanceOf(machine, part.key)));
    } else {
      unknown.push_back(part.name);
    }
  }
  std::string text;
  if (!known.empty()) text += Line("energy a token", fmt::format("{}", fmt::join(known, ", ")));
  if (!unknown.empty()) {
    text += Line("no figure for", fmt::format("energy of {}", fmt::join(unknown, ", ")));
  }
  return text;
}

std::string OthersText(const std::vector<compiler::Candidate>& others) {
  std::string text;
  for (const compiler::Candidate& other : others) {
    text += Line("other", other.refusal.empty()
                              ? fmt::format("{} a group, {} stages: {} cycles", other.group,
                                            other.stages, other.cycles)
                              : fmt::format("{} a group: {}", other.group, other.refusal));
  }
  return text;
}

}  // namespace

std::string CompileText(const compiler::Compiled& compiled, const System& system,
                        const MachineFile& machine, const compiler::Utilisation& use) {
  const compiler::Report& report = compiled.report;
  std::string text = fmt::format("{} chip{} of {}, {} a group, {} stage{}\n", report.chips,
                                 report.chips == 1 ? "" : "s", system.name, report.group,
                                 report.stages, report.stages == 1 ? "" : "s");
  text += TimeText(report);
  text += KindsText(use);
  text += SramText(report, system, use);
  if (compiled.program.shape_only) {
    text += Line("a shape", "one chip of each group has a program, and stands for the others");
  } else {
    text += WorkText(use.work);
    text += EnergyText(use.energy, machine, compiled.program.rows);
  }
  return text + OthersText(compiled.runners_up);
}

}  // namespace millrace

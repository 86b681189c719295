#include "isa/step_work.h"

#include <algorithm>

#include "base/overloaded.h"

namespace millrace::isa {

void AddWork(const Chip& chip, const Issue& issue, std::span<const std::int64_t> registers,
             StepWork& work) {
  std::visit(Overloaded{[&](const Read& read) {
                          work.sram_read_bytes += std::int64_t{read.count} * chip.vector_bytes;
                        },
                        [&](const Write& write) {
                          if (!TakesPlace(write.condition, registers)) return;
                          work.sram_written_bytes += std::int64_t{write.count} *
                                                     std::max(0, write.end_byte - write.first_byte);
                        },
                        [&](const Pass& pass) {
                          if (issue.tile == nullptr) return;
                          const std::int64_t macs =
                              std::int64_t{pass.count} * issue.tile->k * issue.tile->columns;
                          (IsQuantised(issue.tile->dtype) ? work.int8_macs : work.float_macs) +=
                              macs;
                        },
                        [&](const Send& send) {
                          work.link_bytes += std::int64_t{send.count} * chip.vector_bytes;
                        },
                        [](const auto&) {}},
             issue.instruction->action);
}

StepWork WorkOf(const Program& program, const System& system,
                std::span<const std::int64_t> registers) {
  const std::vector<std::int64_t> starts = SectionStarts(program, registers);
  StepWork work;
  for (std::size_t chip = 0; chip < program.chips.size(); ++chip) {
    for (const Issue& issue : Expand(program, static_cast<std::int32_t>(chip), registers, starts)) {
      AddWork(system.chip, issue, registers, work);
    }
  }
  return work;
}

double Energy::total() const {
  double joules = 0;
  for (const auto& part : {idle, sram, int8_macs, float_macs, links}) joules += part.value_or(0);
  return joules;
}

Energy EnergyOf(const StepWork& work, const System& system, std::int64_t cycles) {
  const ChipEnergy& figures = system.chip.energy;
  const auto of = [](double figure, double count) {
    return figure > 0 ? std::optional(figure * count) : std::nullopt;
  };
  const double seconds = static_cast<double>(cycles) / system.chip.clock_hz;
  return {.idle = of(figures.idle_w, seconds * static_cast<double>(system.chips())),
          .sram = of(figures.sram_byte_j,
                     static_cast<double>(work.sram_read_bytes + work.sram_written_bytes)),
          .int8_macs = of(figures.mac_int8_j, static_cast<double>(work.int8_macs)),
          .float_macs = of(figures.mac_fp16_j, static_cast<double>(work.float_macs)),
          .links = of(figures.link_byte_j, static_cast<double>(work.link_bytes))};
}

}  // namespace millrace::isa

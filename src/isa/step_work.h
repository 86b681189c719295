// What one step of a program makes the chips do, and the energy of it: bytes of SRAM,
// multiply-adds, bytes over links. Only what takes place counts: of the writes that a condition
// chooses between, one; of a word that is kept in part, the part.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isa/expand.h"
#include "isa/program.h"
#include "machine/system.h"

namespace millrace::isa {

struct StepWork {
  std::int64_t sram_read_bytes = 0, sram_written_bytes = 0;
  std::int64_t int8_macs = 0, float_macs = 0;  // of the MXM
  std::int64_t link_bytes = 0;                 // sent
};

void AddWork(const Chip& chip, const Issue& issue, std::span<const std::int64_t> registers,
             StepWork& work);

// Of all chips. registers: of RegistersAt.
StepWork WorkOf(const Program& program, const System& system,
                std::span<const std::int64_t> registers);

// Joules of a step; nothing where the machine has no figure, so that the total is at least.
struct Energy {
  std::optional<double> idle, sram, int8_macs, float_macs, links;
  double total() const;  // of those that are known
};
Energy EnergyOf(const StepWork& work, const System& system, std::int64_t cycles);

}  // namespace millrace::isa

// Machines for a person and for a program: tables, lists, JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "machine/machine_file.h"
#include "machine/system.h"

namespace millrace {

// One line a system: of every machine the chip and the full prefixes of its levels.
std::string MachinesTable(std::span<const MachineFile> machines);
nlohmann::ordered_json MachinesJson(std::span<const MachineFile> machines);

// Every number with its provenance, the system of `chips` and the published totals.
std::string MachineText(const MachineFile& machine, const System& system);
nlohmann::ordered_json MachineJson(const MachineFile& machine, const System& system);

}  // namespace millrace

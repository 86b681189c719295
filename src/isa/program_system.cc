#include "isa/program_system.h"

#include "machine/load_system.h"

namespace millrace::isa {

Result<System> SystemOf(const Program& program, const std::string& file,
                        const std::string& machine) {
  MILLRACE_TRY(System system, LoadSystem(machine.empty() ? program.machine : machine));
  if (program.machine_fingerprint == Fingerprint(system)) return system;
  return Invalid("{}: found a program for {} of fingerprint {:016x}, {} has {:016x}", file,
                 program.machine, program.machine_fingerprint, system.name, Fingerprint(system));
}

}  // namespace millrace::isa

// What a compiled program will do, for a person.
#pragma once

#include <string>

#include "compiler/compile.h"
#include "compiler/utilisation.h"
#include "machine/machine_file.h"

namespace millrace {

// Time beside its bound, how busy each kind of port is, SRAM, traffic and energy of one step.
// machine: of the system, for where its figures of energy come from.
std::string CompileText(const compiler::Compiled& compiled, const System& system,
                        const MachineFile& machine, const compiler::Utilisation& use);

}  // namespace millrace

// The machine that a program runs on: the one that it was compiled for, and no other.
#pragma once

#include <string>

#include "base/result.h"
#include "isa/program.h"
#include "machine/system.h"

namespace millrace::isa {

// machine: a name or a file as LoadSystem takes it; empty: the name that the program has. file: of
// the program, for messages. Errors: those of LoadSystem; kInvalid for a machine of another
// fingerprint.
Result<System> SystemOf(const Program& program, const std::string& file,
                        const std::string& machine = "");

}  // namespace millrace::isa

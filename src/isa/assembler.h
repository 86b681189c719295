// Reads the text form of a program (isa/disassembler.h): the inverse of Print.
//
// The form is checked here: words, numbers that fit their fields, fields named once. Whether the
// program is valid is the business of Verify (isa/verify.h).
#pragma once

#include <string_view>

#include "base/result.h"
#include "isa/program.h"

namespace millrace::isa {

// kInvalid with "NAME:LINE:COLUMN: what was found, what was wanted".
Result<Program> Parse(std::string_view text, std::string_view name);

}  // namespace millrace::isa

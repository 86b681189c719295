// A launch of a program as trace events, which Perfetto and chrome://tracing show: a process a
// chip, a track a port (isa/ports.h), a complete event an instruction, and one process with the
// sections. Times are cycles where those programs write microseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "isa/program.h"
#include "machine/system.h"

namespace millrace::isa {

// Hands the JSON text to `put` piece by piece. The program must have passed VerifyStructure;
// positions: one a row, below the context. The same input gives the same text.
void WriteTrace(const Program& program, const System& system,
                std::span<const std::int32_t> positions,
                const std::function<void(std::string_view)>& put);

// `text` as a JSON string, quoted, in ASCII: a byte that is not, and "<", are written as \u00xx.
std::string JsonString(std::string_view text);

}  // namespace millrace::isa

// The container of programs, .mrx: docs/isa.md, "The container". The same program is the same
// bytes.
//
// The reader trusts nothing: sizes are checked before anything is allocated, every part has a
// checksum, every enum is one that exists. Whether the program is valid is the business of Verify
// (isa/verify.h).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "isa/program.h"

namespace millrace::isa {

inline constexpr std::uint32_t kProgramFileVersion = 1;

std::vector<std::byte> Encode(const Program& program);
// kInvalid with "NAME: what was found, what was wanted"; kUnsupported for another version.
Result<Program> Decode(std::span<const std::byte> file, std::string_view name);

// kIo if the file cannot be written; what is half written is removed.
Result<void> Save(const Program& program, const std::string& path);
// The errors of MappedFile::Open and Decode.
Result<Program> LoadProgram(const std::string& path);

// Of the parts of a container. Any change of one 8-byte word changes it.
std::uint64_t Checksum(std::span<const std::byte> bytes);

}  // namespace millrace::isa

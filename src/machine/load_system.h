// Machines by name: those that are part of the program (machines/*.toml), and files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded_file.h"
#include "base/result.h"
#include "machine/machine_file.h"

namespace millrace {

// The files of machines/, by name.
std::span<const EmbeddedFile> BuiltInMachineFiles();

// All of them, parsed. They are part of the program and their test: they have no errors.
std::vector<MachineFile> BuiltInMachines();

// A built-in machine by its name, or a file: `spec` then ends in .toml. kNotFound for a name that
// is not known, with those that are, or a file that is not there; else the errors of
// ParseMachineFile.
Result<MachineFile> LoadMachineFile(std::string_view spec);

// "groq-v1": one chip of the machine; "groq-v1x8", "chip.tomlx8": the system of so many. The errors
// of LoadMachineFile and SystemOf.
Result<System> LoadSystem(std::string_view spec);

// The two parts of such a name: "groq-v1x8" is "groq-v1" and 8, "groq-v1" is itself and 1. kInvalid
// for a number of chips that is 0 or above 2^20.
struct SystemSpec {
  std::string machine;
  std::int64_t chips = 1;
};
Result<SystemSpec> ParseSystemSpec(std::string_view spec);

// Of everything that decides what a program does and when: the same numbers give the same
// fingerprint, whatever the file, its names, reasons and sources.
std::uint64_t Fingerprint(const System& system);

}  // namespace millrace

// The verifier: says whether a program is valid on a machine, or which rule it breaks first.
//
// It is independent of the compiler: it reads the program and the machine, expands the program to
// absolute cycles, and checks the rules of isa/fault.h (docs/isa.md, "Valid programs"). The program
// may come from anywhere: every field is checked before it is used, and time and memory are bounded
// by kLimits. Only enums must be enumerators, as the readers of both file forms guarantee.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isa/fault.h"
#include "isa/program.h"
#include "machine/system.h"

namespace millrace::isa {

// More than any machine does in a step; a program beyond them is a kOperand fault.
struct VerifyLimits {
  std::int64_t cycles = std::int64_t{1} << 40;     // of one step
  std::int64_t steps = std::int64_t{1} << 25;      // of all instructions of one chip
  std::int64_t issues = std::int64_t{1} << 24;     // of one chip
  std::int64_t positions = std::int64_t{1} << 24;  // context
  std::int64_t rows = std::int64_t{1} << 16;
};
inline constexpr VerifyLimits kLimits;

// What holds for every launch: sizes, registers, calls, operands, image, places.
std::optional<Fault> VerifyStructure(const Program& program, const System& system);

// What experts a kRoute chooses is not known before the run: the lowest ones, or the highest.
enum class RoutedTo : std::uint8_t { kLowest, kHighest };

// The structure, and all rules of one launch. positions: one a row, below the context.
std::optional<Fault> VerifyAt(const Program& program, const System& system,
                              std::span<const std::int32_t> positions,
                              RoutedTo routed = RoutedTo::kLowest);

// The structure, and launches that differ in what the program can tell apart: one, two and three KV
// blocks, more than overlap in any loop, the full context; the first and the last position of a
// block; every remainder that a condition asks for; the lowest and the highest experts. The rules
// are the same for all loops of one length, so that what holds for these holds for those between.
std::optional<Fault> Verify(const Program& program, const System& system);

}  // namespace millrace::isa

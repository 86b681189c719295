// Programs that are wrong in one place: one instruction of a valid one, altered at random.
#pragma once

#include <random>
#include <string>

#include "isa/program.h"
#include "machine/chip.h"

namespace millrace {

enum class MutationKind { kCycle, kStream, kAddress, kBank, kUnit, kLink };
inline constexpr MutationKind kMutationKinds[] = {MutationKind::kCycle,   MutationKind::kStream,
                                                  MutationKind::kAddress, MutationKind::kBank,
                                                  MutationKind::kUnit,    MutationKind::kLink};
std::string_view Name(MutationKind kind);

struct Mutation {
  MutationKind kind = MutationKind::kCycle;
  std::string before, after;  // the instruction, as text
};

// Alters one instruction of `program`: its cycle by one, a stream by one, an address by one word or
// to the other bank, the unit to its neighbour, a link to another.
Mutation Mutate(isa::Program& program, const Chip& chip, std::mt19937& random);

}  // namespace millrace

#include "mutation.h"

#include <algorithm>

#include "base/check.h"
#include "isa/disassembler.h"

namespace millrace {
namespace {

using isa::Action;

isa::Address* AddressOf(Action& action) {
  if (auto* read = std::get_if<isa::Read>(&action)) return &read->address;
  if (auto* write = std::get_if<isa::Write>(&action)) return &write->address;
  return nullptr;
}

// A stream that the instruction names: the first of a group.
std::uint8_t* StreamOf(Action& action, bool result) {
  if (auto* a = std::get_if<isa::Read>(&action)) return &a->stream;
  if (auto* a = std::get_if<isa::Write>(&action)) return &a->stream;
  if (auto* a = std::get_if<isa::Load>(&action)) return &a->base;
  if (auto* a = std::get_if<isa::Pass>(&action)) return &a->base;
  if (auto* a = std::get_if<isa::Emit>(&action)) return &a->out.base;
  if (auto* a = std::get_if<isa::Shift>(&action)) return result ? &a->out.base : &a->in.base;
  if (auto* a = std::get_if<isa::Send>(&action)) return &a->stream;
  if (auto* a = std::get_if<isa::Receive>(&action)) return &a->stream;
  auto& vxm = std::get<isa::Vxm>(action);
  if (result && vxm.to != isa::ResultSides::kNone) return &vxm.out.base;
  return vxm.a ? &vxm.a->streams.base : nullptr;
}

// Whether the instruction has what `kind` alters; then it is altered.
bool Alter(isa::Instruction& i, MutationKind kind, const Chip& chip, std::mt19937& random) {
  const int by = random() % 2 == 0 ? 1 : -1;
  const bool link = i.unit.kind == isa::UnitKind::kC2c;
  isa::Address* address = AddressOf(i.action);
  switch (kind) {
    case MutationKind::kCycle:
      i.cycle += by;
      return true;
    case MutationKind::kStream: {
      std::uint8_t* stream = StreamOf(i.action, random() % 2 == 0);
      if (stream == nullptr) return false;
      *stream = static_cast<std::uint8_t>(*stream + by);
      return true;
    }
    case MutationKind::kAddress:
      if (address == nullptr) return false;
      address->base += by;
      return true;
    case MutationKind::kBank:
      if (address == nullptr) return false;
      address->base += address->base < chip.bank_words() ? chip.bank_words() : -chip.bank_words();
      return true;
    case MutationKind::kUnit:
      if (link) return false;
      i.unit.index = static_cast<std::uint16_t>(i.unit.index + by);
      return true;
    case MutationKind::kLink:
      if (!link) return false;
      i.unit.index = static_cast<std::uint16_t>(i.unit.index + by);
      return true;
  }
  MILLRACE_CHECK(false);
}

}  // namespace

std::string_view Name(MutationKind kind) {
  constexpr std::string_view kNames[] = {"cycle", "stream", "address", "bank", "unit", "link"};
  return kNames[static_cast<std::size_t>(kind)];
}

Mutation Mutate(isa::Program& program, const Chip& chip, std::mt19937& random) {
  for (;;) {
    const MutationKind kind = kMutationKinds[random() % std::size(kMutationKinds)];
    const auto& calls = program.chips[random() % program.chips.size()].calls;
    if (calls.empty()) continue;
    const isa::Call& call = calls[random() % calls.size()];
    auto& block = program.blocks[static_cast<std::size_t>(call.block)].instructions;
    if (block.empty()) continue;
    isa::Instruction& instruction = block[random() % block.size()];
    Mutation mutation{.kind = kind, .before = isa::Print(instruction), .after = ""};
    if (!Alter(instruction, kind, chip, random)) continue;
    mutation.after = isa::Print(instruction);
    std::stable_sort(block.begin(), block.end(),
                     [](const isa::Instruction& a, const isa::Instruction& b) {
                       return std::pair(a.cycle, a.unit) < std::pair(b.cycle, b.unit);
                     });
    return mutation;
  }
}

}  // namespace millrace

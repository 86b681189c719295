// The ports of a chip: what can be busy by itself. A MEM slice reads and writes at once, an MXM
// plane installs, multiplies and emits at once, a link carries both directions at once; a VXM chain
// and a SXM do one thing at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "isa/instruction.h"
#include "machine/chip.h"

namespace millrace::isa {

enum class PortKind : std::uint8_t {
  kRead,     // of a MEM slice
  kWrite,    // of a MEM slice
  kLoad,     // of an MXM plane
  kPass,     // of an MXM plane
  kEmit,     // of an MXM plane
  kVector,   // a VXM chain
  kShift,    // a SXM
  kSend,     // of a C2C link
  kReceive,  // of a C2C link
};
inline constexpr std::array kPortKinds = {PortKind::kRead,  PortKind::kWrite, PortKind::kLoad,
                                          PortKind::kPass,  PortKind::kEmit,  PortKind::kVector,
                                          PortKind::kShift, PortKind::kSend,  PortKind::kReceive};

struct Port {
  Unit unit;
  PortKind kind = PortKind::kRead;
  friend auto operator<=>(const Port&, const Port&) = default;
};

PortKind PortOf(const Action& action);

// All ports of a chip, by unit, then kind.
std::vector<Port> PortsOf(const Chip& chip);

std::string_view Name(PortKind kind);  // "MEM read"
std::string Print(const Port& port);   // "mem west 12 read", "vxm 3"

// As the text form has it: "read", "pass", ...; a VXM instruction by its operation: "quantise".
std::string_view NameOf(const Action& action);

}  // namespace millrace::isa

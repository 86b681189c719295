#include "isa/fault.h"

#include <fmt/format.h>

#include "base/check.h"

namespace millrace::isa {
namespace {

std::string_view Name(UnitKind kind) {
  switch (kind) {
    case UnitKind::kMem:
      return "mem";
    case UnitKind::kMxm:
      return "mxm";
    case UnitKind::kVxm:
      return "vxm";
    case UnitKind::kSxm:
      return "sxm";
    case UnitKind::kC2c:
      return "c2c";
  }
  MILLRACE_CHECK(false);
}

}  // namespace

std::string_view Name(Rule rule) {
  switch (rule) {
    case Rule::kIssue:
      return "issue";
    case Rule::kMemoryPort:
      return "memory port";
    case Rule::kStream:
      return "stream";
    case Rule::kMatrix:
      return "matrix";
    case Rule::kLink:
      return "link";
    case Rule::kMemory:
      return "memory";
    case Rule::kOperand:
      return "operand";
  }
  MILLRACE_CHECK(false);
}

std::string Print(const Unit& unit) {
  const std::string_view side = unit.side == Hemisphere::kWest ? "west" : "east";
  switch (unit.kind) {
    case UnitKind::kMem:
    case UnitKind::kMxm:
      return fmt::format("{} {} {}", Name(unit.kind), side, unit.index);
    case UnitKind::kVxm:
    case UnitKind::kC2c:
      return fmt::format("{} {}", Name(unit.kind), unit.index);
    case UnitKind::kSxm:
      return fmt::format("{} {}", Name(unit.kind), side);
  }
  MILLRACE_CHECK(false);
}

std::string Print(const Fault& fault) {
  return fmt::format("chip {}, {}, cycle {}: {}: {}", fault.chip, Print(fault.unit), fault.cycle,
                     Name(fault.rule), fault.message);
}

}  // namespace millrace::isa

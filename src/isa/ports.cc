#include "isa/ports.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/overloaded.h"
#include "isa/fault.h"
#include "isa/fields.h"

namespace millrace::isa {
namespace {

std::string_view Verb(PortKind kind) { return Name(kind).substr(4); }

void AddPorts(std::vector<Port>& ports, Unit unit, std::initializer_list<PortKind> kinds) {
  for (const PortKind kind : kinds) ports.push_back({unit, kind});
}

}  // namespace

PortKind PortOf(const Action& action) {
  return std::visit(Overloaded{[](const Read&) { return PortKind::kRead; },
                               [](const Write&) { return PortKind::kWrite; },
                               [](const Load&) { return PortKind::kLoad; },
                               [](const Pass&) { return PortKind::kPass; },
                               [](const Emit&) { return PortKind::kEmit; },
                               [](const Vxm&) { return PortKind::kVector; },
                               [](const Shift&) { return PortKind::kShift; },
                               [](const Send&) { return PortKind::kSend; },
                               [](const Receive&) { return PortKind::kReceive; }},
                    action);
}

std::vector<Port> PortsOf(const Chip& chip) {
  constexpr std::array kSides = {Hemisphere::kWest, Hemisphere::kEast};
  const auto unit = [](UnitKind kind, Hemisphere side, std::int32_t index) {
    return Unit{kind, side, static_cast<std::uint16_t>(index)};
  };
  std::vector<Port> ports;
  for (const Hemisphere side : kSides) {
    for (std::int32_t i = 0; i < chip.mem.per_hemisphere; ++i) {
      AddPorts(ports, unit(UnitKind::kMem, side, i), {PortKind::kRead, PortKind::kWrite});
    }
  }
  for (const Hemisphere side : kSides) {
    for (std::int32_t i = 0; i < chip.mxm.planes_per_hemisphere; ++i) {
      AddPorts(ports, unit(UnitKind::kMxm, side, i),
               {PortKind::kLoad, PortKind::kPass, PortKind::kEmit});
    }
  }
  for (std::int32_t i = 0; i < chip.vxm.chains; ++i) {
    AddPorts(ports, unit(UnitKind::kVxm, Hemisphere::kWest, i), {PortKind::kVector});
  }
  for (const Hemisphere side : kSides) {
    AddPorts(ports, unit(UnitKind::kSxm, side, 0), {PortKind::kShift});
  }
  for (std::int32_t i = 0; i < chip.links.count; ++i) {
    AddPorts(ports, unit(UnitKind::kC2c, Hemisphere::kWest, i),
             {PortKind::kSend, PortKind::kReceive});
  }
  return ports;
}

std::string_view Name(PortKind kind) {
  switch (kind) {
    case PortKind::kRead:
      return "MEM read";
    case PortKind::kWrite:
      return "MEM write";
    case PortKind::kLoad:
      return "MXM load";
    case PortKind::kPass:
      return "MXM pass";
    case PortKind::kEmit:
      return "MXM emit";
    case PortKind::kVector:
      return "VXM chain";
    case PortKind::kShift:
      return "SXM shift";
    case PortKind::kSend:
      return "C2C send";
    case PortKind::kReceive:
      return "C2C receive";
  }
  MILLRACE_CHECK(false);
}

std::string Print(const Port& port) {
  const bool only_one = port.kind == PortKind::kVector || port.kind == PortKind::kShift;
  return only_one ? Print(port.unit) : fmt::format("{} {}", Print(port.unit), Verb(port.kind));
}

std::string_view NameOf(const Action& action) {
  return std::visit(
      [](const auto& a) {
        using A = std::remove_cvref_t<decltype(a)>;
        if constexpr (std::is_same_v<A, Vxm>) {
          return kWords<VxmOp>.at(static_cast<std::size_t>(a.op));
        } else {
          return Form<A>::kName;
        }
      },
      action);
}

}  // namespace millrace::isa

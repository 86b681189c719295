// The systems of a machine file: prefixes of its levels.
#include <fmt/format.h>

#include "machine/machine_file.h"

namespace millrace {
namespace {

// "1 to 8, multiples of 8 to 72": the sizes there are.
std::string Sizes(const MachineFile& machine) {
  if (machine.levels.empty()) return "1";
  std::string sizes;
  std::int64_t part = 1;
  for (const SystemLevel& level : machine.levels) {
    if (part == 1) {
      sizes += fmt::format("1 to {}", level.count);
    } else {
      sizes += fmt::format(", or a multiple of {} up to {}", part, part * level.count);
    }
    part *= level.count;
  }
  return sizes;
}

}  // namespace

Result<System> SystemOf(const MachineFile& machine, std::int64_t chips) {
  const auto none = [&] {
    return Invalid("{}: found {} chips, wanted {}", machine.name, chips, Sizes(machine));
  };
  System system;
  system.chip = machine.chip;
  system.name = chips == 1 ? machine.name : fmt::format("{}x{}", machine.name, chips);
  if (chips < 1) return none();
  std::int64_t parts = chips;  // of the level
  for (SystemLevel level : machine.levels) {
    if (parts == 1) break;
    if (parts > level.count && parts % level.count != 0) return none();
    const bool is_last = parts <= level.count;
    if (is_last) level.count = static_cast<std::int32_t>(parts);
    parts = is_last ? 1 : parts / level.count;
    system.levels.push_back(std::move(level));
  }
  if (parts != 1) return none();
  return system;
}

}  // namespace millrace

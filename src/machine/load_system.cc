#include "machine/load_system.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/mapped_file.h"

namespace millrace {
namespace {

constexpr std::int64_t kMaxChips = std::int64_t{1} << 20;
constexpr std::string_view kExtension = ".toml";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool Answers(const MachineFile& machine, std::string_view name) {
  return machine.name == name ||
         std::find(machine.also.begin(), machine.also.end(), name) != machine.also.end();
}

Result<MachineFile> LoadFile(const std::string& path) {
  MILLRACE_TRY(const MappedFile file, MappedFile::Open(path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  return ParseMachineFile(text, path);
}

}  // namespace

std::vector<MachineFile> BuiltInMachines() {
  std::vector<MachineFile> machines;
  for (const EmbeddedFile& file : BuiltInMachineFiles()) {
    machines.push_back(ParseMachineFile(file.text, file.name).value());
  }
  return machines;
}

Result<MachineFile> LoadMachineFile(std::string_view spec) {
  if (spec.ends_with(kExtension)) return LoadFile(std::string(spec));
  std::vector<std::string> names;
  for (MachineFile& machine : BuiltInMachines()) {
    if (Answers(machine, spec)) return std::move(machine);
    names.push_back(machine.name);
  }
  return NotFound("machine: found '{}', wanted {} or a file *.toml", spec.substr(0, 80),
                  fmt::join(names, ", "));
}

Result<SystemSpec> ParseSystemSpec(std::string_view spec) {
  std::size_t digits = spec.size();
  while (digits > 0 && IsDigit(spec[digits - 1])) --digits;
  if (digits == spec.size() || digits < 2 || spec[digits - 1] != 'x') {
    return SystemSpec{std::string(spec), 1};
  }
  const std::string_view number = spec.substr(digits);
  std::int64_t chips = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), chips);
  if (parsed.ec != std::errc() || chips < 1 || chips > kMaxChips) {
    return Invalid("machine: found {} chips, wanted 1 to {}", number.substr(0, 40), kMaxChips);
  }
  return SystemSpec{std::string(spec.substr(0, digits - 1)), chips};
}

Result<System> LoadSystem(std::string_view spec) {
  MILLRACE_TRY(const SystemSpec parts, ParseSystemSpec(spec));
  MILLRACE_TRY(const MachineFile machine, LoadMachineFile(parts.machine));
  return SystemOf(machine, parts.chips);
}

}  // namespace millrace

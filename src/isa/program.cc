#include "isa/program.h"

#include <algorithm>

#include "base/check.h"

namespace millrace::isa {

std::vector<std::int64_t> RegistersAt(const Program& program,
                                      std::span<const std::int32_t> positions) {
  MILLRACE_CHECK(positions.size() == static_cast<std::size_t>(program.rows));
  std::vector<std::int64_t> values;
  for (const LaunchRegister& r : program.registers) {
    const std::int64_t position = positions[static_cast<std::size_t>(r.row)];
    const std::int64_t first =
        r.window == 0 ? 0 : std::max<std::int64_t>(0, position + 1 - r.window) / kKvBlock;
    switch (r.kind) {
      case LaunchRegister::Kind::kPosition:
        values.push_back(position);
        break;
      case LaunchRegister::Kind::kFirstBlock:
        values.push_back(first);
        break;
      case LaunchRegister::Kind::kBlocks:
        values.push_back(position / kKvBlock + 1 - first);
        break;
      case LaunchRegister::Kind::kRouted:
        values.push_back(0);
        break;
    }
  }
  return values;
}

std::vector<std::int64_t> SectionStarts(const Program& program,
                                        std::span<const std::int64_t> registers) {
  std::vector<std::int64_t> starts{0};
  for (const Section& section : program.sections) {
    const std::int64_t times =
        section.repeats == kNoRegister ? 1 : registers[static_cast<std::size_t>(section.repeats)];
    starts.push_back(starts.back() + times * section.length_cycles);
  }
  return starts;
}

}  // namespace millrace::isa

#include "compiler/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/embedded_file.h"
#include "isa/expand.h"
#include "isa/fault.h"
#include "isa/trace.h"

namespace millrace {

std::span<const EmbeddedFile> ReportPageFiles();

}  // namespace millrace

namespace millrace::compiler {
namespace {

constexpr std::string_view kMarker = "/*DATA*/null";
constexpr std::size_t kMostIntervals = 400'000;  // of the whole page: a few megabytes

// When one port is busy: [begin, end), ascending.
struct Interval {
  std::int64_t begin = 0, end = 0;
};
using PortIntervals = std::vector<std::vector<Interval>>;  // by port of the chip

// Issues are by unit and cycle; those of one port follow each other in time.
PortIntervals IntervalsOf(const isa::Program& program, const System& system, std::int32_t chip,
                          std::int32_t position) {
  const std::vector<std::int32_t> positions(static_cast<std::size_t>(program.rows), position);
  const auto registers = isa::RegistersAt(program, positions);
  const auto starts = isa::SectionStarts(program, registers);
  const std::vector<isa::Port> ports = isa::PortsOf(system.chip);
  PortIntervals intervals(ports.size());
  for (const isa::Issue& issue : isa::Expand(program, chip, registers, starts)) {
    const isa::Port port{issue.instruction->unit, isa::PortOf(issue.instruction->action)};
    const auto at = std::lower_bound(ports.begin(), ports.end(), port);
    MILLRACE_CHECK(at != ports.end() && *at == port);
    auto& row = intervals[static_cast<std::size_t>(at - ports.begin())];
    const std::int64_t end =
        issue.cycle + isa::StepsOf(system.chip, *issue.instruction).busy_cycles();
    if (!row.empty() && issue.cycle <= row.back().end) {
      row.back().end = std::max(row.back().end, end);
    } else {
      row.push_back({issue.cycle, end});
    }
  }
  return intervals;
}

std::size_t CountWithGap(const std::vector<PortIntervals>& chips, std::int64_t gap) {
  std::size_t count = 0;
  for (const PortIntervals& ports : chips) {
    for (const auto& row : ports) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        count += i == 0 || row[i].begin - row[i - 1].end > gap;
      }
    }
  }
  return count;
}

// The largest pause that is drawn as none, so that the page stays small; 0 for most programs.
std::int64_t SmallestGap(const std::vector<PortIntervals>& chips) {
  std::int64_t gap = 0;
  while (CountWithGap(chips, gap) > kMostIntervals) gap = 2 * gap + 1;
  return gap;
}

std::string Base36(std::int64_t n) {
  std::string digits;
  do {
    digits += "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36];
    n /= 36;
  } while (n > 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

// Pause and length in turn, in base 36: "a 5 1 3" is busy in [10, 15) and [16, 19).
std::string Packed(const std::vector<Interval>& row, std::int64_t gap) {
  std::string text;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < row.size();) {
    const std::int64_t begin = row[i].begin;
    std::int64_t end = row[i].end;
    for (++i; i < row.size() && row[i].begin - end <= gap; ++i) end = row[i].end;
    if (!text.empty()) text += ' ';
    text += Base36(std::max<std::int64_t>(0, begin - at)) + ' ' + Base36(end - begin);
    at = end;
  }
  return text;
}

// The data of the page: one JSON object, written field by field.
class PageData {
 public:
  PageData(const Compiled& compiled, const System& system, const Utilisation& use)
      : compiled_(compiled), system_(system), use_(use) {}

  std::string Text() {
    AddSummary();
    AddChip();
    AddSections();
    AddKinds();
    AddTraffic();
    AddChips();
    return text_ + "}";
  }

 private:
  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  // "name":[...], with `each` writing one element.
  void AddList(std::string_view name, const auto& values, auto&& each) {
    Add(",\n\"{}\":[", name);
    bool first = true;
    for (const auto& value : values) {
      if (!first) text_ += ',';
      first = false;
      each(value);
    }
    text_ += ']';
  }

  void AddSummary() {
    const Report& report = compiled_.report;
    Add("{{\"model\":{},\"machine\":{}", isa::JsonString(compiled_.program.model),
        isa::JsonString(system_.name));
    Add(",\"cycles\":{},\"position\":{},\"lower_bound\":{}", use_.cycles, use_.position,
        report.lower_bound_cycles);
    Add(",\"shape\":{}", compiled_.program.shape_only);
    Add(",\"clock_hz\":{},\"group\":{},\"stages\":{}", system_.chip.clock_hz, report.group,
        report.stages);
    Add(",\"fixed\":{},\"per_block\":{},\"energy_j\":{}", report.fixed_cycles,
        report.cycles_per_block, use_.energy.total());
    Add(",\"windowed\":[");
    const char* comma = "";
    for (const auto& [window, a_block] : report.windowed_cycles) {
      Add("{}[{},{}]", comma, window, a_block);
      comma = ",";
    }
    Add("]");
  }
  void AddChip() {
    const Chip& chip = system_.chip;
    Add(",\n\"chip\":{{\"slices\":{},\"per_position\":{},\"words\":{},\"vector_bytes\":{}",
        chip.mem.per_hemisphere, chip.mem.per_position, chip.mem.words, chip.vector_bytes);
    Add(",\"planes\":{},\"chains\":{},\"links\":{}}}", chip.mxm.planes_per_hemisphere,
        chip.vxm.chains, chip.links.count);
    AddList("ports", isa::PortsOf(chip), [&](const isa::Port& port) {
      Add("[{},{},{},{}]", isa::JsonString(isa::Print(port)), static_cast<int>(port.kind),
          static_cast<int>(port.unit.side), port.unit.index);
    });
  }
  void AddSections() {
    AddList("sections", use_.sections, [&](const SectionTime& section) {
      Add("[{},{},{},{}]", isa::JsonString(section.name), section.begin, section.cycles,
          section.times);
    });
  }
  void AddKinds() {
    AddList("kinds", use_.kinds, [&](const KindUse& kind) {
      Add("[{},{},{:.5f},{:.5f},{}]", isa::JsonString(isa::Name(kind.kind)), kind.ports,
          kind.average, kind.busiest, kind.instructions);
    });
  }
  void AddTraffic() {
    AddList("traffic", use_.traffic, [&](const Traffic& traffic) {
      Add("[{},{},{}]", traffic.from, traffic.to, traffic.vectors);
    });
  }
  void AddChips() {
    std::vector<PortIntervals> intervals;
    for (std::size_t c = 0; c < use_.chips.size(); ++c) {
      intervals.push_back(
          IntervalsOf(compiled_.program, system_, static_cast<std::int32_t>(c), use_.position));
    }
    const std::int64_t gap = SmallestGap(intervals);
    Add(",\n\"gap\":{}", gap);
    std::vector<std::size_t> shown;
    for (std::size_t c = 0; c < use_.chips.size(); ++c) {
      // Of a shape one chip of each group stands for all; the others have no program.
      if (!compiled_.program.shape_only || !compiled_.program.chips[c].calls.empty()) {
        shown.push_back(c);
      }
    }
    AddList("chips", shown, [&](std::size_t c) {
      const ChipUse& chip = use_.chips[c];
      text_ += "\n{\"number\":" + std::to_string(c);
      AddList("busy", chip.ports, [&](const PortUse& port) { Add("{}", port.busy_cycles); });
      AddList("times", intervals[c], [&](const auto& row) { Add("\"{}\"", Packed(row, gap)); });
      AddList("sram", chip.slices, [&](const SliceUse& slice) { AddRanges(slice.ranges); });
      text_ += '}';
    });
  }
  void AddRanges(std::span<const WordRange> ranges) {
    text_ += '[';
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      Add("{}[{},{},{}]", i == 0 ? "" : ",", ranges[i].begin, ranges[i].end,
          static_cast<int>(ranges[i].kind));
    }
    text_ += ']';
  }

  const Compiled& compiled_;
  const System& system_;
  const Utilisation& use_;
  std::string text_;
};

}  // namespace

std::string ReportPage(const Compiled& compiled, const System& system, const Utilisation& use) {
  const std::string_view page = ReportPageFiles()[0].text;
  const std::size_t at = page.find(kMarker);
  MILLRACE_CHECK(at != std::string_view::npos);
  std::string text(page.substr(0, at));
  text += PageData(compiled, system, use).Text();
  return text.append(page.substr(at + kMarker.size()));
}

}  // namespace millrace::compiler

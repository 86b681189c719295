#include "isa/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "isa/expand.h"
#include "isa/ports.h"

namespace millrace::isa {
namespace {

constexpr std::size_t kPiece = 1 << 16;  // bytes handed on at once

class TraceText {
 public:
  explicit TraceText(const std::function<void(std::string_view)>& put) : put_(put) {
    text_ = "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"time\":\"cycles\"},\"traceEvents\":[";
  }

  // What a process or a track is called.
  void Named(std::string_view what, std::int64_t process, std::size_t track,
             std::string_view name) {
    Add(R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":{}}}}})", what, process, track,
        JsonString(name));
  }
  void Event(std::int64_t process, std::size_t track, std::string_view name, std::int64_t cycle,
             std::int64_t cycles, std::string_view section) {
    Add(R"({{"ph":"X","pid":{},"tid":{},"name":{},"ts":{},"dur":{},"args":{{"in":{}}}}})", process,
        track, JsonString(name), cycle, cycles, JsonString(section));
  }
  void End() {
    text_ += "\n]}\n";
    put_(text_);
  }

 private:
  template <typename... Args>
  void Add(fmt::format_string<Args...> format, Args&&... args) {
    text_ += first_ ? "\n" : ",\n";
    first_ = false;
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    if (text_.size() < kPiece) return;
    put_(text_);
    text_.clear();
  }

  const std::function<void(std::string_view)>& put_;
  std::string text_;
  bool first_ = true;
};

void AddSections(TraceText& text, const Program& program, std::span<const std::int64_t> starts) {
  const auto process = static_cast<std::int64_t>(program.chips.size());
  text.Named("process_name", process, 0, "sections");
  text.Named("thread_name", process, 0, "sections");
  for (std::size_t s = 0; s < program.sections.size(); ++s) {
    text.Event(process, 0, program.sections[s].name, starts[s], starts[s + 1] - starts[s],
               program.sections[s].repeats == kNoRegister ? "once" : "loop");
  }
}

void AddChip(TraceText& text, const Program& program, const System& system, std::size_t chip,
             std::span<const std::int64_t> registers, std::span<const std::int64_t> starts) {
  const auto process = static_cast<std::int64_t>(chip);
  const std::vector<Port> ports = PortsOf(system.chip);
  const std::vector<Issue> issues =
      Expand(program, static_cast<std::int32_t>(chip), registers, starts);
  text.Named("process_name", process, 0, fmt::format("chip {}", chip));
  std::vector<bool> named(ports.size(), false);
  for (const Issue& issue : issues) {
    const Instruction& instruction = *issue.instruction;
    const Port port{instruction.unit, PortOf(instruction.action)};
    const auto at = std::lower_bound(ports.begin(), ports.end(), port);
    MILLRACE_CHECK(at != ports.end() && *at == port);
    const auto track = static_cast<std::size_t>(at - ports.begin());
    if (!named[track]) text.Named("thread_name", process, track, Print(port));
    named[track] = true;
    text.Event(process, track, NameOf(instruction.action), issue.cycle,
               StepsOf(system.chip, instruction).busy_cycles(),
               program.sections[static_cast<std::size_t>(issue.call->section)].name);
  }
}

}  // namespace

void WriteTrace(const Program& program, const System& system,
                std::span<const std::int32_t> positions,
                const std::function<void(std::string_view)>& put) {
  const std::vector<std::int64_t> registers = RegistersAt(program, positions);
  const std::vector<std::int64_t> starts = SectionStarts(program, registers);
  TraceText text(put);
  AddSections(text, program, starts);
  for (std::size_t chip = 0; chip < program.chips.size(); ++chip) {
    AddChip(text, program, system, chip, registers, starts);
  }
  text.End();
}

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (byte < 0x20 || byte >= 0x7f || c == '<') {  // '<': also inside a page's script
      json += fmt::format("\\u{:04x}", byte);
    } else {
      json += c;
    }
  }
  return json + "\"";
}

}  // namespace millrace::isa

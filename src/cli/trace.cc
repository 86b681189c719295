// millrace trace: a compiled program as trace events, for Perfetto and chrome://tracing.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/output.h"
#include "isa/program_file.h"
#include "isa/program_system.h"
#include "isa/trace.h"
#include "isa/verify.h"

namespace millrace {
namespace {

struct TraceCall {
  std::string program, out, on;
  std::int32_t position = -1;  // the last one of the first four KV blocks
};

Result<void> WriteFile(const isa::Program& program, const System& system,
                       const std::vector<std::int32_t>& positions, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return IoError("{}: cannot be written", path);
  bool written = true;
  isa::WriteTrace(program, system, positions, [&](std::string_view piece) {
    written = written && std::fwrite(piece.data(), 1, piece.size(), file) == piece.size();
  });
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return {};
  std::remove(path.c_str());
  return IoError("{}: cannot be written", path);
}

Result<void> Execute(const TraceCall& call) {
  MILLRACE_TRY(const isa::Program program, isa::LoadProgram(call.program));
  MILLRACE_TRY(const System system, isa::SystemOf(program, call.program, call.on));
  if (const auto fault = isa::VerifyStructure(program, system)) {
    return Invalid("{}: {}", call.program, isa::Print(*fault));
  }
  const std::int32_t position =
      call.position >= 0 ? call.position : std::min(program.context - 1, 4 * isa::kKvBlock - 1);
  if (position >= program.context) {
    return Invalid("--position: found {}, wanted 0 to {}", position, program.context - 1);
  }
  const std::vector<std::int32_t> positions(static_cast<std::size_t>(program.rows), position);
  return WriteFile(program, system, positions, call.out);
}

}  // namespace

int Trace(const Arguments& arguments) {
  TraceCall call;
  VerbApp app(
      "trace", "FILE.mrx -o FILE.json [options]",
      "A compiled program as trace events, for Perfetto and chrome://tracing; a microsecond "
      "there is a cycle");
  app.add_option("FILE", call.program, "the program")->required();
  app.add_option("-o,--output", call.out, "the trace")->type_name("FILE.json")->required();
  app.add_option("--on", call.on, "the machine, if it is described in a file")
      ->type_name("MACHINE[xN]");
  app.add_option("--position", call.position, "of the token in its sequence")
      ->type_name("N")
      ->check(Whole(0, 1 << 24));
  if (const auto status = Parse(app, arguments)) return *status;
  const auto done = Execute(call);
  return done.ok() ? 0 : Fail(app, done.error());
}

}  // namespace millrace

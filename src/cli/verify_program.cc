// millrace verify: whether an LPU program is valid on its machine, or why not.
#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "isa/program_file.h"
#include "isa/program_system.h"
#include "isa/verify.h"

namespace millrace {
namespace {

struct VerifyOptions {
  std::string file, machine;
};

// What is printed of a valid program.
std::string Summary(const isa::Program& program, const std::string& file) {
  std::size_t instructions = 0;
  for (const isa::Block& block : program.blocks) instructions += block.instructions.size();
  const auto cycles_at = [&](std::int32_t position) {
    const std::vector<std::int32_t> positions(static_cast<std::size_t>(program.rows), position);
    return isa::SectionStarts(program, isa::RegistersAt(program, positions)).back();
  };
  const std::int32_t last = program.context - 1;
  return fmt::format(
      "{}: valid on {}: {} chips, {} instructions in {} blocks; {} cycles at position 0, {} at "
      "position {}\n",
      Printable(file), Printable(program.machine), program.chips.size(), instructions,
      program.blocks.size(), cycles_at(0), cycles_at(last), last);
}

Result<std::string> Execute(const VerifyOptions& options) {
  const Progress progress(fmt::format("verifying {}", Printable(options.file)));
  MILLRACE_TRY(const isa::Program program, isa::LoadProgram(options.file));
  MILLRACE_TRY(const System system, isa::SystemOf(program, options.file, options.machine));
  if (program.shape_only) {
    return Invalid("{}: the program of a shape, with one chip of each group: it cannot be verified",
                   options.file);
  }
  if (const auto fault = isa::Verify(program, system)) {
    return Invalid("{}: {}", options.file, isa::Print(*fault));
  }
  return Summary(program, options.file);
}

}  // namespace

int VerifyProgram(const Arguments& arguments) {
  VerifyOptions options;
  VerbApp app("verify", "FILE.mrx [--machine NAME]",
              "Whether an LPU program is valid on its machine, or which rule it breaks first");
  app.add_option("FILE", options.file, "the program")->required()->type_name("FILE");
  app.add_option("--machine", options.machine,
                 "the machine, a name or a file; without it the one that the program names")
      ->type_name("NAME");
  if (const auto status = Parse(app, arguments)) return *status;
  const auto text = Execute(options);
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace

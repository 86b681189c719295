// millrace disasm: an LPU program as text.
#include "cli/options.h"
#include "cli/output.h"
#include "isa/disassembler.h"
#include "isa/program_file.h"

namespace millrace {

int Disassemble(const Arguments& arguments) {
  std::string file;
  bool bytes = false;
  VerbApp app("disasm", "FILE.mrx [--bytes]",
              "An LPU program as text, which millrace assemble makes into the same program");
  app.add_option("FILE", file, "the program")->required()->type_name("FILE");
  app.add_flag("--bytes", bytes,
               "with every byte that the chips hold; without it their number is a remark, and the "
               "text another program");
  if (const auto status = Parse(app, arguments)) return *status;
  const auto program = isa::LoadProgram(file);
  if (!program.ok()) return Fail(app, program.error());
  const auto written =
      Put(isa::Print(*program, bytes ? isa::ImageBytes::kHex : isa::ImageBytes::kOmitted));
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace

// millrace assemble: an LPU program from its text.
#include "base/mapped_file.h"
#include "cli/options.h"
#include "isa/assembler.h"
#include "isa/program_file.h"

namespace millrace {
namespace {

Result<void> Execute(const std::string& text_path, const std::string& out) {
  MILLRACE_TRY(const MappedFile file, MappedFile::Open(text_path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  MILLRACE_TRY(const isa::Program program, isa::Parse(text, text_path));
  return isa::Save(program, out);
}

}  // namespace

int Assemble(const Arguments& arguments) {
  std::string text, out;
  VerbApp app("assemble", "TEXT -o FILE.mrx",
              "An LPU program from its text (millrace disasm); millrace verify says whether it is "
              "valid");
  app.add_option("TEXT", text, "the file with the text")->required()->type_name("FILE");
  app.add_option("-o,--output", out, "the program")->required()->type_name("FILE");
  if (const auto status = Parse(app, arguments)) return *status;
  const auto done = Execute(text, out);
  return done.ok() ? 0 : Fail(app, done.error());
}

}  // namespace millrace

// millrace compile: a model as a scheduled program for LPUs, and what that program will do.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/compile_text.h"
#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "compiler/compile.h"
#include "compiler/model_fingerprint.h"
#include "compiler/report_page.h"
#include "compiler/utilisation.h"
#include "isa/program_file.h"
#include "machine/load_system.h"
#include "model/shape.h"

namespace millrace {
namespace {

struct CompileCall {
  std::string model, on = "groq-v1";
  std::string program, page;  // files to write; empty: none
  compiler::CompileOptions options;
};

Result<void> WriteFile(const std::string& text, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return IoError("{}: cannot be written", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return {};
  std::remove(path.c_str());
  return IoError("{}: cannot be written", path);
}

Result<std::string> Execute(CompileCall& call) {
  std::string path = call.model;
  if (!IsShape(path)) {
    MILLRACE_TRY(path, ModelPath(call.model));
  }
  std::optional<Progress> progress(fmt::format("compiling {}", Printable(path)));
  MILLRACE_TRY(const Model model, IsShape(path) ? LoadShape(path) : Model::Load(path));
  MILLRACE_TRY(const SystemSpec spec, ParseSystemSpec(call.on));
  MILLRACE_TRY(const MachineFile machine, LoadMachineFile(spec.machine));
  MILLRACE_TRY(const System system, SystemOf(machine, spec.chips));
  call.options.model = std::filesystem::path(path).filename().string();
  if (!call.program.empty()) {  // it reads all weights
    call.options.model_fingerprint = compiler::ModelFingerprint(model.graph());
  }
  call.options.machine_fingerprint = Fingerprint(system);
  MILLRACE_TRY(const compiler::Compiled compiled,
               compiler::Compile(model.graph(), system, call.options));
  if (!call.program.empty()) MILLRACE_TRY_VOID(isa::Save(compiled.program, call.program));
  const compiler::Utilisation use =
      compiler::Measure(compiled.program, system, compiled.report.position);
  if (!call.page.empty()) {
    MILLRACE_TRY_VOID(WriteFile(compiler::ReportPage(compiled, system, use), call.page));
  }
  progress.reset();
  return CompileText(compiled, system, machine, use);
}

}  // namespace

int Compile(const Arguments& arguments) {
  CompileCall call;
  VerbApp app("compile", "[-m FILE] --on MACHINE[xN] [options]",
              "A fully scheduled program for LPUs, and its exact time");
  AddModelOption(app, call.model);
  app.add_option("--on", call.on, "the machine, and how many of its chips")
      ->type_name("MACHINE[xN]");
  app.add_option("-b,--batch-size", call.options.rows, "sequences of a step")
      ->type_name("N")
      ->check(Whole(1, 64));
  app.add_option("-c,--ctx-size", call.options.context, "positions of a sequence")
      ->type_name("N")
      ->check(Whole(1, 1 << 24));
  app.add_option("--group", call.options.group, "chips that share a layer; 0: searched")
      ->type_name("N")
      ->check(Whole(0, 1 << 20));
  app.add_option("-o,--output", call.program,
                 "write the program: millrace run --on FILE.mrx runs it")
      ->type_name("FILE.mrx");
  app.add_option("--report", call.page, "write a page that shows when every unit does what")
      ->type_name("FILE.html");
  if (const auto status = Parse(app, arguments)) return *status;
  const auto text = Execute(call);
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace

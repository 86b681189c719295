// millrace compile: a model as a scheduled program for LPUs, and what that program will do.
#include <fmt/format.h>

#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "compiler/compile.h"
#include "machine/load_system.h"
#include "model/shape.h"

namespace millrace {
namespace {

struct CompileCall {
  std::string model, on = "groq-v1";
  compiler::CompileOptions options;
};

std::string Describe(const compiler::Compiled& compiled, const System& system) {
  const compiler::Report& report = compiled.report;
  std::string text = fmt::format("{} chip{} of {}, {} a group, {} stage{}\n", report.chips,
                                 report.chips == 1 ? "" : "s", system.name, report.group,
                                 report.stages, report.stages == 1 ? "" : "s");
  text += fmt::format("cycles          {} + {} for every 64 positions\n", report.fixed_cycles,
                      report.cycles_per_block);
  text += fmt::format("at position {:<4} {} cycles, {:.2f} us, {:.0f} tokens/s\n", report.position,
                      report.cycles, report.seconds() * 1e6, 1 / report.seconds());
  text += fmt::format("lower bound     {} cycles: {:.2f} times that\n", report.lower_bound_cycles,
                      report.ratio());
  text += fmt::format("weight slices   {} of {} words\n", report.install_words_used,
                      report.install_words);
  for (const compiler::Candidate& other : compiled.runners_up) {
    if (other.refusal.empty()) {
      text += fmt::format("other           {} a group, {} stages: {} cycles\n", other.group,
                          other.stages, other.cycles);
    } else {
      text += fmt::format("other           {} a group: {}\n", other.group, other.refusal);
    }
  }
  return text;
}

Result<std::string> Execute(CompileCall& call) {
  std::string path = call.model;
  if (!IsShape(path)) {
    MILLRACE_TRY(path, ModelPath(call.model));
  }
  std::optional<Progress> progress(fmt::format("compiling {}", Printable(path)));
  MILLRACE_TRY(const Model model, IsShape(path) ? LoadShape(path) : Model::Load(path));
  MILLRACE_TRY(const System system, LoadSystem(call.on));
  call.options.machine_fingerprint = Fingerprint(system);
  MILLRACE_TRY(const compiler::Compiled compiled,
               compiler::Compile(model.graph(), system, call.options));
  progress.reset();
  return Describe(compiled, system);
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
  if (const auto status = Parse(app, arguments)) return *status;
  const auto text = Execute(call);
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace

// millrace VERB [options]
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "cli/escapes.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace millrace {
namespace {

struct Verb {
  std::string_view name;
  int (*function)(const Arguments&);
  std::string_view summary;
};

constexpr Verb kVerbs[] = {
    {"run", Run, "continue a prompt with a model, as it is written"},
    {"bench", Bench, "measure prefill and decode, beside the bandwidth of this machine"},
    {"inspect", Inspect, "what is in a model, and what a token of it costs here"},
    {"tokenize", Tokenize, "text to token ids, and back"},
    {"logits", Logits, "the logits of given tokens, and the SHA-256 of their bytes"},
    {"perplexity", Perplexity, "how well a model predicts a text"},
    {"compile", Compile, "a scheduled program for LPUs, and its exact time"},
    {"trace", Trace, "a compiled program as trace events, for Perfetto"},
    {"quantize", Quantize, "a model file out of another, in fewer bits"},
    {"template", RenderTemplate, "what a chat template makes of a conversation"},
    {"verify", VerifyProgram, "whether an LPU program is valid on its machine, or why not"},
    {"disasm", Disassemble, "an LPU program as text"},
    {"assemble", Assemble, "an LPU program from its text"},
    {"machines", Machines, "the LPUs that are described, every number with its source"},
    {"validate", Validate, "published LPU results beside what is predicted for them"},
};

std::string Usage() {
  std::string text = "usage: millrace VERB [options]      (millrace VERB --help)\n\n";
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<10} {}\n", verb.name, verb.summary);
  return text + "\nWithout -m every verb uses the model that comes with millrace.\n";
}

// The verb's exit status; exceptions end here.
int Call(const Verb& verb, const Arguments& arguments) {
  try {
    return verb.function(arguments);
  } catch (const std::bad_alloc&) {
    Note("millrace {}: memory: the system refuses more\n", verb.name);
  } catch (const std::exception& error) {
    Note("millrace {}: {}\n", verb.name, Printable(error.what()));
  }
  return 1;
}

int Dispatch(const Arguments& arguments) {
  if (arguments.empty()) {
    PutNote(Usage());
    return 2;
  }
  const std::string& name = arguments[0];
  if (name == "--help" || name == "-h") return Put(Usage()).ok() ? 0 : 1;
  if (name == "--version") return Put("millrace " MILLRACE_VERSION "\n").ok() ? 0 : 1;
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return Call(verb, {arguments.begin() + 1, arguments.end()});
  }
  Note("millrace: found '{}', wanted a verb; millrace --help lists them\n",
       PrintableStart(name, 40));
  return 2;
}

int Main(const Arguments& arguments) {
  const int status = Dispatch(arguments);
  const auto flushed = FlushOutput();
  if (status != 0 || flushed.ok()) return status;
  Note("millrace {}: {}\n", arguments[0], flushed.error().message);
  return 1;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  millrace::HoldStandardStreams();
  return millrace::Main(millrace::Arguments(argv + 1, argv + argc));
}

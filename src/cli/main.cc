// millrace VERB [options]
#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "cli/verbs.h"

namespace {

struct Verb {
  std::string_view name;
  int (*function)(const millrace::Arguments&);
  std::string_view summary;
};

constexpr Verb kVerbs[] = {
    {"run", millrace::Run, "continue a prompt with a model, as it is written"},
    {"bench", millrace::Bench, "measure prefill and decode, beside the bandwidth of this machine"},
    {"inspect", millrace::Inspect, "what is in a model, and what a token of it costs here"},
    {"tokenize", millrace::Tokenize, "text to token ids, and back"},
    {"logits", millrace::Logits, "the logits of given tokens, and the SHA-256 of their bytes"},
};

void PrintUsage(std::FILE* file) {
  fmt::print(file, "usage: millrace VERB [options]      (millrace VERB --help)\n\n");
  for (const Verb& verb : kVerbs) fmt::print(file, "  {:<10} {}\n", verb.name, verb.summary);
  fmt::print(file, "\nWithout -m every verb uses the model that comes with millrace.\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    PrintUsage(stderr);
    return 2;
  }
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h") {
    PrintUsage(stdout);
    return 0;
  }
  if (name == "--version") {
    fmt::print("millrace {}\n", MILLRACE_VERSION);
    return 0;
  }
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return verb.function(millrace::Arguments(argv + 2, argv + argc));
  }
  fmt::print(stderr, "millrace: no verb '{}'; millrace --help lists them\n", name);
  return 2;
}

#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>

#include "cli/escapes.h"
#include "cli/help.h"
#include "cli/numbers.h"
#include "cli/output.h"

namespace millrace {
namespace {

constexpr const char* kDefaultModel = "tales.gguf";

bool Exists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

std::string ExecutableFolder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0) return ".";
  const std::string file(path, static_cast<std::size_t>(length));
  return file.substr(0, file.rfind('/'));
}

// -ctk f16 is what llama.cpp takes; CLI11 knows only single letters after one dash.
std::string LongFlag(const CLI::App& app, const std::string& argument) {
  if (argument.size() < 3 || argument[0] != '-' || argument[1] == '-') return argument;
  const std::string name = argument.substr(1, argument.find('=') - 1);
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_lname(name)) return "-" + argument;
  }
  return argument;
}

int End(const CLI::App& app, std::string_view message, int status) {
  Note("millrace {}: {}\n", app.get_name(), Printable(message));
  return status;
}

// CLI11 says "--top-k: 1 required N missing", or "ids was given a disallowed flag override".
std::string Explain(const CLI::ArgumentMismatch& error) {
  const std::string message = error.what();
  const std::size_t colon = message.find(':');
  if (colon == std::string::npos) {
    return "--" + message.substr(0, message.find(' ')) + ": found a value after it, wanted none";
  }
  return message.substr(0, colon) + ": found no value after it, wanted one";
}

// CLI11 says "The following argument was not expected: --bogus".
std::string Explain(const CLI::ExtrasError& error) {
  const std::string message = error.what();
  const std::string found = message.substr(message.find(": ") + 2);
  return fmt::format(
      "found '{}', wanted {}", found,
      found.starts_with('-') ? "a flag that --help lists" : "nothing without a flag");
}

}  // namespace

VerbApp::VerbApp(std::string verb, std::string usage, std::string summary)
    : CLI::App(std::move(summary), std::move(verb)) {
  option_defaults()->always_capture_default()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeLast);
  set_help_flag("-h,--help", "print this and exit");
  formatter_fn([usage = std::move(usage)](const CLI::App* app, const std::string&,
                                          CLI::AppFormatMode) { return HelpText(*app, usage); });
}

CLI::Validator Whole(std::int64_t least, std::int64_t most) {
  return CLI::Validator(
      [least, most](std::string& text) -> std::string {
        const auto number = ParseWhole(text, least, most);
        return number.ok() ? std::string() : number.error().message;
      },
      "", "whole");
}

CLI::Validator Real() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        double value = 0;
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, value);
        if (parsed.ec == std::errc() && parsed.ptr == end) return {};
        return fmt::format("found '{}', wanted a number", PrintableStart(text, 40));
      },
      "", "real");
}

CLI::Validator OneOf(std::vector<std::string> words) {
  return CLI::Validator(
      [words = std::move(words)](std::string& text) -> std::string {
        if (std::find(words.begin(), words.end(), text) != words.end()) return {};
        return fmt::format("found '{}', wanted {}", PrintableStart(text, 40),
                           fmt::join(words, " or "));
      },
      "", "word");
}

void AddNumbers(CLI::App& app, const std::string& names, std::vector<std::int32_t>& numbers,
                std::int64_t least, std::int64_t most, const std::string& description) {
  const std::string flag = names.substr(names.rfind(',') + 1);
  const auto read = [&numbers, least, most, flag](const std::vector<std::string>& texts) {
    std::vector<std::int32_t> all;
    for (const std::string& text : texts) {
      const auto some = ParseWholes(text, least, most);
      if (!some.ok()) throw CLI::ValidationError(flag, some.error().message);
      all.insert(all.end(), some->begin(), some->end());
    }
    if (all.empty()) throw CLI::ValidationError(flag, "found no number, wanted at least one");
    numbers = std::move(all);
  };
  app.add_option_function<std::vector<std::string>>(names, read, description)
      ->type_name("N,N...")
      ->default_str(fmt::format("{}", fmt::join(numbers, ",")))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

CLI::Option* AddTexts(CLI::App& app, const std::string& names, std::vector<std::string>& texts,
                      const std::string& description) {
  return app.add_option(names, texts, description + ", may be repeated")
      ->type_name("TEXT")
      ->default_str("")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void AddModelOption(CLI::App& app, std::string& path) {
  app.add_option("-m,--model", path, "GGUF file; without it the model that comes with millrace")
      ->type_name("FILE");
}

Result<std::string> ModelPath(const std::string& given) {
  if (!given.empty()) return given;
  const std::string installed = ExecutableFolder() + "/../share/millrace/models/" + kDefaultModel;
  if (Exists(installed)) return installed;
  const std::string source = std::string(MILLRACE_SOURCE_MODELS "/") + kDefaultModel;
  if (Exists(source)) return source;
  return NotFound("default model: neither {} nor {} exists; name a model with -m", installed,
                  source);
}

void AddContextOption(CLI::App& app, BackendOptions& options) {
  app.add_option("-c,--ctx-size", options.context,
                 "positions of the context; 0: the model's, at most 4096")
      ->type_name("N")
      ->check(Whole(0, kMaxContext));
}

void AddPlaceOptions(CLI::App& app, BackendOptions& options) {
  const auto types = OneOf({"f16", "f32", "q8_0"});
  app.add_option("--ctk,--cache-type-k", options.key_type, "type of cached keys: f16, f32 or q8_0")
      ->type_name("TYPE")
      ->check(types);
  app.add_option("--ctv,--cache-type-v", options.value_type, "type of cached values: as -ctk")
      ->type_name("TYPE")
      ->check(types);
  app.add_option("--on", options.on, "host, interpreter (slow), LPUs: MACHINE[xN] or FILE.mrx")
      ->type_name("PLACE");
}

void AddBackendOptions(CLI::App& app, BackendOptions& options) {
  app.add_option("-t,--threads", options.threads, "threads; 0: one for each CPU")
      ->type_name("N")
      ->check(Whole(0, kMaxThreads));
  AddPlaceOptions(app, options);
}

void AddProposerOptions(CLI::App& app, ProposerOptions& options) {
  app.add_option("--md,--model-draft", options.draft_model,
                 "smaller model of the same vocabulary that guesses the next tokens")
      ->type_name("FILE");
  app.add_flag("--lookup", options.lookup,
               "guess the next tokens from what followed the same ones before");
  app.add_option("--draft-max,--draft", options.speculation.most, "tokens guessed at once at most")
      ->type_name("N")
      ->check(Whole(1, 256));
  app.add_option("--draft-min", options.speculation.least, "fewer guessed tokens are not tried")
      ->type_name("N")
      ->check(Whole(0, 256));
  app.add_option("--td,--threads-draft", options.threads, "threads of the draft; 0: as -t")
      ->type_name("N")
      ->check(Whole(0, kMaxThreads));
}

std::optional<int> Parse(CLI::App& app, const Arguments& arguments) {
  std::vector<std::string> reversed;
  for (const std::string& argument : arguments) reversed.push_back(LongFlag(app, argument));
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) option->disable_flag_override();  // no --flag=value
  }
  std::reverse(reversed.begin(), reversed.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    const auto written = Put(app.help());
    return written.ok() ? 0 : Fail(app, written.error());
  } catch (const CLI::ArgumentMismatch& error) {
    return End(app, Explain(error), 2);
  } catch (const CLI::ExtrasError& error) {
    return End(app, Explain(error), 2);
  } catch (const CLI::ParseError& error) {
    return End(app, error.what(), 2);
  }
  return std::nullopt;
}

int Fail(const CLI::App& app, const Error& error) { return End(app, error.message, 1); }
int Misuse(const CLI::App& app, const Error& error) { return End(app, error.message, 2); }

}  // namespace millrace

#include "cli/options.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

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

}  // namespace

void AddModelOption(CLI::App& app, std::string& path) {
  app.add_option("-m,--model", path, "GGUF file; without it the model that comes with millrace");
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

void AddBackendOptions(CLI::App& app, BackendOptions& options) {
  app.add_option("-t,--threads", options.threads, "threads; 0: one a core")
      ->check(CLI::Range(0, 1024));
  const auto types = CLI::IsMember({"f16", "f32"});
  app.add_option("--ctk,--cache-type-k", options.key_type, "type of cached keys: f16 or f32")
      ->check(types);
  app.add_option("--ctv,--cache-type-v", options.value_type, "type of cached values: as -ctk")
      ->check(types);
  app.add_option("--on", options.on,
                 "where to run: host, or interpreter (slow: the reference itself)");
}

std::optional<int> Parse(CLI::App& app, const Arguments& arguments) {
  std::vector<std::string> reversed;
  for (const std::string& argument : arguments) reversed.push_back(LongFlag(app, argument));
  std::reverse(reversed.begin(), reversed.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "millrace {}: {}\n", app.get_name(), error.what());
    return 2;
  }
  return std::nullopt;
}

int Fail(const CLI::App& app, const Error& error) {
  fmt::print(stderr, "millrace {}: {}\n", app.get_name(), error.message);
  return 1;
}

}  // namespace millrace

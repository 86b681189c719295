// millrace template: what a chat template makes of a conversation.
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/clock.h"
#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/text_input.h"
#include "jinja/template.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

struct TemplateOptions {
  std::string source, input;
};

Result<Json> ReadInput(const std::string& path) {
  std::string text;
  if (path == "-") {
    MILLRACE_TRY(text, ReadText(stdin, "standard input"));
  } else {
    MILLRACE_TRY(text, ReadText(path));
  }
  Json input = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!input.is_object()) {
    return Invalid("{}: found no JSON object, wanted the variables of the template",
                   Printable(path));
  }
  return input;
}

// The moment that "now" in the input names, or this one.
Result<std::int64_t> TakeNow(Json& input) {
  if (!input.contains("now")) return WallClock();
  const Json now = input["now"];
  input.erase("now");
  if (now.is_number_integer()) return now.get<std::int64_t>();
  const auto seconds = now.is_string() ? ParseTime(now.get<std::string>()) : std::nullopt;
  if (!seconds.has_value()) {
    return Invalid("now: found {}, wanted a time as \"2026-01-31T13:05:09\" or seconds",
                   PrintableStart(now.dump(-1, ' ', true), 60));
  }
  return *seconds;
}

Result<void> Execute(const TemplateOptions& options) {
  MILLRACE_TRY(const std::string source, ReadText(options.source));
  MILLRACE_TRY(const jinja::Template parsed,
               jinja::Template::Parse(source, Printable(options.source)));
  MILLRACE_TRY(Json input, ReadInput(options.input));
  MILLRACE_TRY(const std::int64_t now_s, TakeNow(input));
  MILLRACE_TRY(const std::string text, parsed.Render(input, {.now_s = now_s}));
  MILLRACE_TRY_VOID(Put(text));
  return FlushOutput();
}

}  // namespace

int RenderTemplate(const Arguments& arguments) {
  TemplateOptions options;
  VerbApp app("template", "TEMPLATE.jinja INPUT.json",
              "Prints what a chat template makes of the variables in a JSON object: messages, "
              "tools, add_generation_prompt, bos_token, ...; \"now\" in it is what the template "
              "takes for the time");
  app.add_option("template", options.source, "file with the Jinja source")->required();
  app.add_option("input", options.input, "file with the JSON object; -: standard input")
      ->required();
  if (const auto status = Parse(app, arguments)) return *status;
  const auto done = Execute(options);
  return done.ok() ? 0 : Fail(app, done.error());
}

}  // namespace millrace

#include "cli/choose_template.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <utility>

#include "cli/escapes.h"
#include "cli/text_input.h"
#include "text/built_in_templates.h"

namespace millrace {
namespace {

Result<ChosenTemplate> Make(std::string_view source, const std::string& name, std::string origin,
                            const Tokenizer& tokenizer) {
  MILLRACE_TRY(ChatTemplate parsed, ChatTemplate::Parse(source, name, tokenizer));
  return ChosenTemplate{std::move(parsed), std::move(origin)};
}

Result<ChosenTemplate> MakeGiven(const std::string& given, const Tokenizer& tokenizer) {
  if (const auto source = BuiltInTemplate(given); source.has_value()) {
    return Make(*source, given, given, tokenizer);
  }
  std::error_code failed;
  if (std::filesystem::exists(given, failed)) {
    MILLRACE_TRY(const std::string source, ReadText(given));
    return Make(source, Printable(given), Printable(given), tokenizer);
  }
  if (given.find("{{") != given.npos || given.find("{%") != given.npos) {
    return Make(given, "--chat-template", "as given", tokenizer);
  }
  return Invalid("--chat-template: found '{}', wanted a file, Jinja, or one of {}",
                 PrintableStart(given, 60), fmt::join(BuiltInTemplateNames(), " "));
}

}  // namespace

Result<ChosenTemplate> ChooseTemplate(const Model& model, const std::optional<std::string>& given) {
  const Tokenizer& tokenizer = *model.tokenizer();
  if (given.has_value()) return MakeGiven(*given, tokenizer);
  if (const auto own = model.checkpoint().GetString("tokenizer.chat_template"); own.ok()) {
    return Make(*own, "tokenizer.chat_template", "the model's own", tokenizer);
  }
  if (const auto name = GuessTemplate(tokenizer); name.has_value()) {
    return Make(*BuiltInTemplate(*name), std::string(*name),
                fmt::format("{}, which the model's special tokens suggest", *name), tokenizer);
  }
  return ChosenTemplate{};
}

}  // namespace millrace

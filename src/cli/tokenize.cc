// millrace tokenize: text to token ids, and back.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "cli/escapes.h"
#include "cli/numbers.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/text_input.h"
#include "model/tokenizer_of_checkpoint.h"

namespace millrace {
namespace {

struct TokenizeOptions {
  std::string model;
  std::optional<std::string> prompt;
  bool ids = false, decode = false, special = false;
  bool no_bos = false, parse_special = true;
};

Result<std::string> Decode(const Tokenizer& tokenizer, const std::string& text, ShowSpecial show) {
  const auto ids = ParseWholes(text, 0, std::numeric_limits<std::int32_t>::max());
  if (!ids.ok()) return Invalid("--decode: {}", ids.error().message);
  std::vector<TokenId> tokens;
  for (const std::int32_t id : *ids) {
    tokens.push_back(TokenId{id});
    if (tokenizer.Contains(tokens.back())) continue;
    return Invalid("--decode: token {} is not in the vocabulary of {}", id,
                   tokenizer.vocabulary_size());
  }
  return tokenizer.Decode(tokens, show);
}

// One line of ids, or one line a token with what it adds to the text.
std::string Encode(const Tokenizer& tokenizer, const std::string& text,
                   const TokenizeOptions& options) {
  const auto tokens = tokenizer.Encode(
      text, {.add_special = !options.no_bos, .parse_special = options.parse_special});
  std::string out;
  for (const TokenId token : tokens) {
    if (options.ids) {
      out += fmt::format("{}{}", out.empty() ? "" : " ", token.value);
    } else {
      out += fmt::format("{:>7} '{}'\n", token.value, Printable(tokenizer.Bytes(token)));
    }
  }
  return options.ids ? out + "\n" : out;
}

Result<void> Execute(const TokenizeOptions& options) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  MILLRACE_TRY(const Checkpoint checkpoint, Checkpoint::Load(path));
  MILLRACE_TRY(const Tokenizer tokenizer, TokenizerOf(checkpoint));
  std::string text;
  if (options.prompt.has_value()) {
    text = *options.prompt;
  } else {
    if (IsTerminal(stdin)) {
      Note("Type the {}; Ctrl-D at the beginning of a line ends it.\n",
           options.decode ? "ids" : "text");
    }
    MILLRACE_TRY(text, ReadText(stdin, "standard input"));
  }
  if (!options.decode) return Put(Encode(tokenizer, text, options));
  MILLRACE_TRY(const std::string decoded,
               Decode(tokenizer, text, options.special ? ShowSpecial::kYes : ShowSpecial::kNo));
  MILLRACE_TRY_VOID(Put(decoded));
  return Put(IsTerminal(stdout) ? "\n" : "");
}

}  // namespace

int Tokenize(const Arguments& arguments) {
  TokenizeOptions options;
  VerbApp app("tokenize", "[-m FILE] [-p TEXT] [--ids | --decode]",
              "Text to token ids; with --decode ids to text");
  AddModelOption(app, options.model);
  app.add_option("-p,--prompt", options.prompt, "the text, instead of standard input")
      ->type_name("TEXT");
  auto* ids = app.add_flag("--ids", options.ids, "ids only, on one line");
  auto* decode =
      app.add_flag("--decode", options.decode, "the input is ids: write their text, and only that")
          ->excludes(ids);
  app.add_flag("--special", options.special, "write control tokens too (<s>)")->needs(decode);
  app.add_flag("--no-bos", options.no_bos, "do not add the tokens that begin or end a text");
  app.add_flag("!--no-parse-special", options.parse_special,
               "control tokens spelled in the text are text");
  if (const auto status = Parse(app, arguments)) return *status;
  const auto result = Execute(options);
  return result.ok() ? 0 : Fail(app, result.error());
}

}  // namespace millrace

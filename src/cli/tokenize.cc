// millrace tokenize: text to token ids, and back.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <sstream>

#include "cli/options.h"
#include "cli/text_input.h"
#include "model/vocabulary_from_gguf.h"

namespace millrace {
namespace {

struct TokenizeOptions {
  std::string model, prompt;
  bool has_prompt = false, ids = false, decode = false;
  bool no_bos = false, parse_special = true;
};

// "1 2 3", "1,2,3" or "[1, 2, 3]".
Result<std::vector<TokenId>> ParseIds(const std::string& text) {
  std::vector<TokenId> tokens;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    if (std::string_view(" ,[]\t\r\n").find(*at) != std::string_view::npos) {
      ++at;
      continue;
    }
    TokenId token;
    const auto parsed = std::from_chars(at, end, token.value);
    if (parsed.ec != std::errc()) {
      return Invalid("--decode: found '{}' at byte {}, wanted a token id", *at, at - text.data());
    }
    tokens.push_back(token);
    at = parsed.ptr;
  }
  return tokens;
}

Result<std::string> Decode(const Tokenizer& tokenizer, const std::string& text) {
  MILLRACE_TRY(const std::vector<TokenId> tokens, ParseIds(text));
  for (const TokenId token : tokens) {
    if (!tokenizer.Contains(token)) {
      return Invalid("--decode: token {} is not in the vocabulary of {}", token.value,
                     tokenizer.vocabulary_size());
    }
  }
  return tokenizer.Decode(tokens, ShowSpecial::kYes);
}

// One line of ids, or one line a token with its piece.
std::string Encode(const Tokenizer& tokenizer, const std::string& text,
                   const TokenizeOptions& options) {
  std::string out;
  const auto tokens = tokenizer.Encode(
      text, {.add_special = !options.no_bos, .parse_special = options.parse_special});
  if (options.ids) {
    std::vector<std::int32_t> ids;
    for (const TokenId token : tokens) ids.push_back(token.value);
    return fmt::format("{}\n", fmt::join(ids, " "));
  }
  for (const TokenId token : tokens)
    out += fmt::format("{:>7} '{}'\n", token.value, tokenizer.Bytes(token));
  return out;
}

Result<std::string> RunTokenize(const TokenizeOptions& options) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  MILLRACE_TRY(const Checkpoint checkpoint, Checkpoint::Load(path));
  MILLRACE_TRY(const Tokenizer tokenizer, TokenizerFromGguf(checkpoint));
  std::string text = options.prompt;
  if (!options.has_prompt) {
    MILLRACE_TRY(text, ReadText(stdin, "standard input"));
  }
  if (options.decode) return Decode(tokenizer, text);
  return Encode(tokenizer, text, options);
}

}  // namespace

int Tokenize(const Arguments& arguments) {
  TokenizeOptions options;
  CLI::App app("Text from standard input or -p to token ids; with --decode ids to text",
               "tokenize");
  AddModelOption(app, options.model);
  const auto* prompt =
      app.add_option("-p,--prompt", options.prompt, "the text, instead of standard input");
  app.add_flag("--ids", options.ids, "ids only, on one line");
  app.add_flag("--decode", options.decode, "the input is ids: print their text");
  app.add_flag("--no-bos", options.no_bos, "do not add the tokens that begin or end a text");
  app.add_flag("!--no-parse-special", options.parse_special,
               "control tokens spelled in the text are text");
  if (const auto status = Parse(app, arguments)) return *status;
  options.has_prompt = prompt->count() > 0;
  const auto output = RunTokenize(options);
  if (!output.ok()) return Fail(app, output.error());
  fmt::print("{}", *output);
  return 0;
}

}  // namespace millrace

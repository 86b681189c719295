#include "cli/run_options.h"

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "cli/escapes.h"
#include "cli/text_input.h"

namespace millrace {
namespace {

// "ID+BIAS" or "ID-BIAS", as llama.cpp takes it: 15043+1, 29905-inf.
Result<LogitBias> ParseLogitBias(const std::string& text) {
  LogitBias bias;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%9d%f%c", &bias.token.value, &bias.bias, &rest) != 2) {
    return Invalid("--logit-bias: found '{}', wanted ID+BIAS or ID-BIAS", text);
  }
  return bias;
}

void AddTextOptions(CLI::App& app, RunOptions& options) {
  app.add_option("-n,--predict,--n-predict", options.new_tokens,
                 "new tokens at most; 0: only read the prompt; -1: to the end")
      ->type_name("N")
      ->check(Whole(-1, 1 << 30));
  AddTexts(app, "-r,--reverse-prompt,--stop", options.stop, "text that ends the reply");
  app.add_flag("--ignore-eos", options.ignore_eos, "go on after the end of the text");
  app.add_flag("-e,--escape", options.escape, "read \\n, \\t, \\xHH in -p and -r (always on)");
  app.add_flag("--no-escape", options.no_escape, "take the backslashes of -p and -r as they are");
  app.add_flag("!--no-display-prompt", options.echo, "do not print the prompt before the reply");
  app.add_flag("--no-timings", options.no_timings, "print nothing after the text");
  app.add_flag("--beside", options.beside, "end with this machine, an LPU and a GPU side by side");
  app.add_option("--logprobs", options.logprobs,
                 "write each token and the N best to standard error, as JSON")
      ->type_name("N")
      ->check(Whole(0, SamplingParameters::kMostLogprobs));
}

void AddSamplingOptions(CLI::App& app, RunOptions& options) {
  SamplingParameters& sampling = options.sampling;
  const auto real = [&](const char* name, float& value, const char* description) {
    app.add_option(name, value, description)->type_name("X")->check(Real());
  };
  const auto whole = [&](const char* name, int& value, int most, const char* description) {
    app.add_option(name, value, description)->type_name("N")->check(Whole(-1, most));
  };
  real("--temp,--temperature", sampling.temperature, "0: always the most probable token");
  whole("--top-k", sampling.top_k, std::numeric_limits<int>::max(),
        "keep the k most probable tokens; 0: all");
  real("--top-p", sampling.top_p, "keep the most probable tokens that have this share; 1: all");
  real("--min-p", sampling.min_p, "keep tokens this probable relative to the best; 0: all");
  real("--repeat-penalty", sampling.repeat_penalty, "divides the logits of recent tokens; 1: off");
  whole("--repeat-last-n", sampling.repeat_last_n, SamplingParameters::kLongestWindow,
        "tokens the penalties look at; -1: all");
  real("--frequency-penalty", sampling.frequency_penalty, "taken off for each recent occurrence");
  real("--presence-penalty", sampling.presence_penalty, "taken off for any recent occurrence");
  AddTexts(app, "--logit-bias", options.logit_bias, "ID+BIAS or ID-BIAS");
  app.add_option("-s,--seed", options.seed, "of the draws; -1: a new one, printed at the end")
      ->type_name("N")
      ->check(Whole(-1, std::numeric_limits<std::int64_t>::max()));
}

void AddConversationOptions(CLI::App& app, RunOptions& options) {
  auto* on = app.add_flag("--cnv,--conversation", options.conversation,
                          "talk with the model, also without a terminal");
  app.add_flag("--no-cnv,--no-conversation", options.no_conversation,
               "continue a prompt, also on a terminal")
      ->excludes(on);
  app.add_option("--sys,--system-prompt", options.system, "what the system says first")
      ->type_name("TEXT");
  app.add_option("--chat-template", options.chat_template,
                 "how a conversation is written: a template's name, a file, or Jinja")
      ->type_name("T");
  app.add_option("--chat-template-kwargs", options.template_variables,
                 "variables for the template, a JSON object")
      ->type_name("JSON");
  app.add_flag("--st,--single-turn", options.single_turn, "end after one reply");
}

}  // namespace

void AddRunOptions(CLI::App& app, RunOptions& options) {
  AddModelOption(app, options.model);
  auto* prompt =
      app.add_option("-p,--prompt", options.prompt,
                     "the prompt; without: a conversation on a terminal, else standard input")
          ->type_name("TEXT");
  app.add_option("-f,--file", options.prompt_file, "file with the prompt, less a last line end")
      ->type_name("FILE")
      ->excludes(prompt);
  AddConversationOptions(app, options);
  AddTextOptions(app, options);
  AddSamplingOptions(app, options);
  AddContextOption(app, options.backend);
  app.add_option("-b,--batch-size", options.backend.max_tokens, "prompt tokens a step")
      ->type_name("N")
      ->check(Whole(1, 65536));
  AddBackendOptions(app, options.backend);
  AddProposerOptions(app, options.proposer);
}

Result<void> Complete(RunOptions& options) {
  for (const std::string& text : options.logit_bias) {
    MILLRACE_TRY(const LogitBias bias, ParseLogitBias(text));
    options.sampling.logit_bias.push_back(bias);
  }
  options.sampling.logprobs = options.logprobs;
  options.sampling.seed =
      options.seed >= 0 ? static_cast<std::uint64_t>(options.seed) : std::random_device{}();
  MILLRACE_TRY_VOID(options.sampling.Validate());
  MILLRACE_TRY_VOID(Validate(options.backend));
  MILLRACE_TRY_VOID(Validate(options.proposer, options.backend));
  MakeRoom(options.proposer, options.backend);
  if (options.escapes()) {
    if (options.prompt.has_value()) options.prompt = Unescape(*options.prompt);
    if (options.system.has_value()) options.system = Unescape(*options.system);
    for (std::string& text : options.stop) text = Unescape(text);
  }
  if (!options.template_variables.empty()) {
    const auto json = nlohmann::json::parse(options.template_variables, nullptr, false);
    if (!json.is_object()) {
      return Invalid("--chat-template-kwargs: found '{}', wanted a JSON object",
                     PrintableStart(options.template_variables, 60));
    }
  }
  const auto stop = StopStrings::Build(options.stop);
  if (!stop.ok()) return stop.error();
  return {};
}

std::vector<TokenId> EndTokens(const RunOptions& options, const Tokenizer& tokenizer) {
  if (options.ignore_eos) return {};
  const auto ends = tokenizer.end_of_generation();
  return {ends.begin(), ends.end()};
}

Result<std::string> GivenPrompt(const RunOptions& options) {
  if (options.prompt.has_value()) return *options.prompt;
  MILLRACE_TRY(std::string text, ReadText(*options.prompt_file));
  if (text.ends_with('\n')) text.pop_back();  // it ends the line, not the prompt
  return text;
}

}  // namespace millrace

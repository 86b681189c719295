// millrace run: continues a prompt, as it is written.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/text_input.h"
#include "cli/timings.h"
#include "engine/generation.h"

namespace millrace {
namespace {

constexpr int kInterrupted = 130;  // what shells and llama.cpp give after Ctrl-C

struct RunOptions {
  std::string model;
  std::optional<std::string> prompt, prompt_file;  // at most one
  bool ignore_eos = false, no_timings = false, echo = true;
  bool escape = true, no_escape = false;
  std::int32_t new_tokens = -1;
  std::int64_t seed = -1;
  std::vector<std::string> stop, logit_bias;
  std::optional<int> logprobs;
  SamplingParameters sampling;
  BackendOptions backend;
  ProposerOptions proposer;

  bool escapes() const { return escape && !no_escape; }
};

volatile std::sig_atomic_t interrupted = 0;

// The first Ctrl-C ends the reply at the next step, the second one the program.
void CatchInterrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, nullptr);
}

// "ID+BIAS" or "ID-BIAS", as llama.cpp takes it: 15043+1, 29905-inf.
Result<LogitBias> ParseLogitBias(const std::string& text) {
  LogitBias bias;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%9d%f%c", &bias.token.value, &bias.bias, &rest) != 2) {
    return Invalid("--logit-bias: found '{}', wanted ID+BIAS or ID-BIAS", text);
  }
  return bias;
}

// What can be said about the call without the model, and what follows from it.
Result<StopStrings> Complete(RunOptions& options) {
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
    for (std::string& text : options.stop) text = Unescape(text);
  }
  return StopStrings::Build(options.stop);
}

Result<std::string> PromptText(const RunOptions& options) {
  if (options.prompt.has_value()) return *options.prompt;
  if (!options.prompt_file.has_value() && IsTerminal(stdin)) {
    Note("Type the prompt; Ctrl-D at the beginning of a line ends it.\n");
  }
  std::string text;
  if (options.prompt_file.has_value()) {
    MILLRACE_TRY(text, ReadText(*options.prompt_file));
  } else {
    MILLRACE_TRY(text, ReadText(stdin, "standard input"));
  }
  if (text.ends_with('\n')) text.pop_back();  // it ends the line, not the prompt
  return text;
}

// Refuses a text that no division into tokens fits into the context, without dividing it.
Result<void> CheckLength(const std::string& text, const Tokenizer& tokenizer,
                         std::int32_t context) {
  std::size_t longest = 4;  // an unknown token stands for one character
  for (std::size_t i = 0; i < tokenizer.vocabulary_size(); ++i) {
    const TokenId token{static_cast<std::int32_t>(i)};
    longest = std::max(longest, tokenizer.Bytes(token).size());
  }
  if (text.size() / longest <= static_cast<std::size_t>(context)) return {};
  return Exhausted("prompt: has {} bytes, more than a context of {} tokens can hold", text.size(),
                   context);
}

Result<Request> MakeRequest(const RunOptions& options, const Tokenizer& tokenizer,
                            const std::string& text) {
  Request request{.prompt = tokenizer.Encode(text, {.add_special = true, .parse_special = true}),
                  .sampling = options.sampling,
                  .max_new_tokens = options.new_tokens,
                  .end_tokens = {}};
  if (request.prompt.empty()) {
    return Invalid(
        "prompt: found an empty one, wanted text: this vocabulary begins no text by "
        "itself");
  }
  if (!options.ignore_eos) {
    const auto ends = tokenizer.end_of_generation();
    request.end_tokens.assign(ends.begin(), ends.end());
  }
  return request;
}

nlohmann::ordered_json ToJson(const Tokenizer& tokenizer, const TokenLogprob& token) {
  return {{"token", token.token.value},
          {"piece", std::string(tokenizer.Bytes(token.token))},
          {"logprob", token.logprob}};
}

// One line of JSON: the token, its piece and logprob, and the best ones of its position.
void NoteLogprobs(const Tokenizer& tokenizer, const TokenEvent& event) {
  if (!event.logprob.has_value()) return;
  nlohmann::ordered_json line = ToJson(tokenizer, *event.logprob);
  line["best"] = nlohmann::ordered_json::array();
  for (const TokenLogprob& token : event.best) line["best"].push_back(ToJson(tokenizer, token));
  Note("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Runs the request and writes its text, the prompt first. A prompt appears with the first text
// after it: what fails writes nothing.
Result<Reply> Stream(Backend& backend, const EngineOptions& engine_options,
                     const Tokenizer& tokenizer, Request request, StopStrings stop,
                     const std::string& echo) {
  const std::size_t prompt_tokens = request.prompt.size();
  std::optional<Progress> progress("reading the prompt");
  Result<void> written;
  const auto write = [&](std::string_view text) {
    if (written.ok()) written = Put(text);
    if (written.ok()) written = FlushOutput();
    return written.ok();
  };
  const auto write_after_echo = [&](std::string_view text) {
    if (progress.has_value()) {
      progress.reset();
      if (!write(echo)) return false;
    }
    return write(text);
  };
  ReplySinks sinks;
  sinks.text = write_after_echo;
  sinks.token = [&](const TokenEvent& event) {
    write_after_echo("");
    NoteLogprobs(tokenizer, event);
  };
  sinks.proceed = [&, steps = std::size_t{0}]() mutable {
    const auto step_tokens = static_cast<std::size_t>(backend.executor->limits().max_tokens);
    if (progress.has_value()) {
      progress->Update(fmt::format("reading the prompt: {} of {} tokens",
                                   std::min(prompt_tokens, steps++ * step_tokens), prompt_tokens));
    }
    return interrupted == 0;
  };
  Engine engine(*backend.executor, engine_options);
  MILLRACE_TRY(const Reply reply,
               Generate(engine, tokenizer, std::move(request), std::move(stop), sinks));
  write_after_echo("\n");
  if (!written.ok()) return written.error();
  return reply;
}

// The exit status.
Result<int> Execute(const RunOptions& options, StopStrings stop) {
  const auto begin = std::chrono::steady_clock::now();
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  std::optional<Progress> progress(fmt::format("loading {}", Printable(path)));
  MILLRACE_TRY(const Model model, Model::Load(path, options.backend.context));
  if (!model.tokenizer().ok()) return model.tokenizer().error();
  const Tokenizer& tokenizer = *model.tokenizer();
  MILLRACE_TRY(Backend backend, MakeBackend(model, options.backend));
  MILLRACE_TRY(const ProposerBackend proposer,
               MakeProposer(model, options.backend, backend.executor->limits(), options.proposer));
  const double load_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  progress.reset();

  MILLRACE_TRY(const std::string text, PromptText(options));
  MILLRACE_TRY_VOID(CheckLength(text, tokenizer, backend.executor->limits().context));
  MILLRACE_TRY(Request request, MakeRequest(options, tokenizer, text));
  CatchInterrupt();
  const EngineOptions engine{.proposer = proposer.proposer.get(),
                             .speculation = options.proposer.speculation};
  MILLRACE_TRY(const Reply reply, Stream(backend, engine, tokenizer, std::move(request),
                                         std::move(stop), options.echo ? text : std::string()));
  const Guessing guessing = options.proposer.wanted() ? Guessing::kOn : Guessing::kOff;
  if (!options.no_timings)
    PutNote(Timings(reply, backend, load_s, options.sampling.seed, guessing));
  return interrupted == 0 ? 0 : kInterrupted;
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

}  // namespace

int Run(const Arguments& arguments) {
  RunOptions options;
  VerbApp app("run", "[-m FILE] [-p TEXT | -f FILE] [options]",
              "Continues a prompt and writes the text as it comes; timings go to standard error");
  AddModelOption(app, options.model);
  auto* prompt =
      app.add_option("-p,--prompt", options.prompt, "the prompt; without -p and -f: standard input")
          ->type_name("TEXT");
  app.add_option("-f,--file", options.prompt_file, "file with the prompt, less a last line end")
      ->type_name("FILE")
      ->excludes(prompt);
  AddTextOptions(app, options);
  AddSamplingOptions(app, options);
  AddContextOption(app, options.backend);
  app.add_option("-b,--batch-size", options.backend.max_tokens, "prompt tokens a step")
      ->type_name("N")
      ->check(Whole(1, 65536));
  AddBackendOptions(app, options.backend);
  AddProposerOptions(app, options.proposer);
  if (const auto status = Parse(app, arguments)) return *status;
  auto stop = Complete(options);
  if (!stop.ok()) return Misuse(app, stop.error());
  const auto status = Execute(options, std::move(stop).value());
  return status.ok() ? *status : Fail(app, status.error());
}

}  // namespace millrace

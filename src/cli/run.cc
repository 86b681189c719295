// millrace run: continues a prompt, as it is written.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>

#include "base/bandwidth.h"
#include "cli/options.h"
#include "cli/text_input.h"
#include "engine/generation.h"

namespace millrace {
namespace {

struct RunOptions {
  std::string model, prompt, prompt_file;
  bool has_prompt = false, ignore_eos = false, no_timings = false, echo = true;
  std::int32_t new_tokens = -1;
  std::int64_t seed = -1;
  std::vector<std::string> stop, logit_bias;
  SamplingParameters sampling;
  BackendOptions backend;
};

volatile std::sig_atomic_t interrupted = 0;

// "ID+BIAS" or "ID-BIAS", as llama.cpp takes it: 15043+1, 29905-inf.
Result<LogitBias> ParseLogitBias(const std::string& text) {
  LogitBias bias;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d%f%c", &bias.token.value, &bias.bias, &rest) != 2) {
    return Invalid("--logit-bias {}: wanted ID+BIAS or ID-BIAS", text);
  }
  return bias;
}

Result<std::string> PromptText(const RunOptions& options) {
  if (!options.prompt_file.empty()) return ReadText(options.prompt_file);
  if (options.has_prompt) return options.prompt;
  return ReadText(stdin, "standard input");
}

Result<Request> MakeRequest(const RunOptions& options, const Tokenizer& tokenizer) {
  Request request{.prompt = {},
                  .sampling = options.sampling,
                  .max_new_tokens = options.new_tokens,
                  .end_tokens = {}};
  for (const std::string& text : options.logit_bias) {
    MILLRACE_TRY(const LogitBias bias, ParseLogitBias(text));
    request.sampling.logit_bias.push_back(bias);
  }
  request.sampling.seed =
      options.seed >= 0 ? static_cast<std::uint64_t>(options.seed) : std::random_device{}();
  if (!options.ignore_eos) {
    request.end_tokens.assign(tokenizer.end_of_generation().begin(),
                              tokenizer.end_of_generation().end());
  }
  MILLRACE_TRY(const std::string text, PromptText(options));
  request.prompt = tokenizer.Encode(text, {.add_special = true, .parse_special = true});
  if (request.prompt.empty())
    return Invalid("prompt: is empty, and this vocabulary begins no text by itself");
  if (options.echo) fmt::print("{}", text);
  return request;
}

void PrintTimings(const Reply& reply, const Backend& backend, double load_s, std::uint64_t seed) {
  constexpr const char* kEnds[] = {"end of text", "token limit", "context full", "stop string",
                                   "interrupted"};
  const double prefill = reply.prompt_tokens / reply.prefill_s;
  const int decoded = reply.new_tokens - 1;
  fmt::print(stderr, "\nended by {} | seed {}\n", kEnds[static_cast<int>(reply.end)], seed);
  fmt::print(stderr, "load    {:8.1f} ms\n", load_s * 1e3);
  fmt::print(stderr, "prefill {:8.1f} ms  {:6} tokens  {:10.1f} tok/s\n", reply.prefill_s * 1e3,
             reply.prompt_tokens, prefill);
  if (decoded < 1 || reply.decode_s <= 0) return;
  const double rate = decoded / reply.decode_s;
  fmt::print(stderr, "decode  {:8.1f} ms  {:6} tokens  {:10.1f} tok/s", reply.decode_s * 1e3,
             decoded, rate);
  if (backend.plan != nullptr) {
    const double bytes = backend.plan->bytes_per_token(reply.prompt_tokens + reply.new_tokens / 2);
    fmt::print(stderr, "  {:.1f} GB/s", rate * bytes / 1e9);
    Team team(backend.threads);
    const auto bandwidth = MeasureReadBandwidth(team, static_cast<std::size_t>(bytes));
    if (bandwidth.ok()) {
      fmt::print(stderr, ", {:.0f} % of the {:.1f} GB/s that {} threads read {:.1f} MB with",
                 rate * bytes / 1e7 / bandwidth->median_gb_per_s, bandwidth->median_gb_per_s,
                 backend.threads, bytes / 1e6);
    }
  }
  fmt::print(stderr, "\n");
}

Result<void> Execute(RunOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  MILLRACE_TRY(const Model model, Model::Load(path));
  if (!model.tokenizer().ok()) return model.tokenizer().error();
  const Tokenizer& tokenizer = *model.tokenizer();
  MILLRACE_TRY_VOID(options.sampling.Validate());
  MILLRACE_TRY(const Backend backend, MakeBackend(model, options.backend));
  MILLRACE_TRY(StopStrings stop, StopStrings::Build(options.stop));
  const double load_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  MILLRACE_TRY(Request request, MakeRequest(options, tokenizer));
  const std::uint64_t seed = request.sampling.seed;

  std::signal(SIGINT, [](int) { interrupted = 1; });
  Engine engine(*backend.executor);
  MILLRACE_TRY(const Reply reply, Generate(engine, tokenizer, std::move(request), std::move(stop),
                                           [](std::string_view text) {
                                             std::fwrite(text.data(), 1, text.size(), stdout);
                                             std::fflush(stdout);
                                             return interrupted == 0;
                                           }));
  std::signal(SIGINT, SIG_DFL);
  fmt::print("\n");
  std::fflush(stdout);
  if (!options.no_timings) PrintTimings(reply, backend, load_s, seed);
  return {};
}

void AddSamplingOptions(CLI::App& app, RunOptions& options) {
  SamplingParameters& sampling = options.sampling;
  app.add_option("--temp,--temperature", sampling.temperature, "0: always the most probable token");
  app.add_option("--top-k", sampling.top_k, "keep the k most probable tokens; 0: all");
  app.add_option("--top-p", sampling.top_p,
                 "keep the most probable tokens that have this share; 1: all");
  app.add_option("--min-p", sampling.min_p,
                 "keep tokens this probable relative to the best; 0: all");
  app.add_option("--repeat-penalty", sampling.repeat_penalty,
                 "divides the logits of recent tokens; 1: off");
  app.add_option("--repeat-last-n", sampling.repeat_last_n,
                 "tokens the penalties look at; -1: all");
  app.add_option("--frequency-penalty", sampling.frequency_penalty,
                 "taken off for each recent occurrence");
  app.add_option("--presence-penalty", sampling.presence_penalty,
                 "taken off for any recent occurrence");
  app.add_option("--logit-bias", options.logit_bias, "ID+BIAS or ID-BIAS, may be repeated");
  app.add_option("-s,--seed", options.seed, "of the draws; -1: a new one, printed at the end");
}

}  // namespace

int Run(const Arguments& arguments) {
  RunOptions options;
  CLI::App app("Continues a prompt and streams the text; timings go to standard error", "run");
  app.option_defaults()->always_capture_default();
  AddModelOption(app, options.model);
  auto* prompt = app.add_option("-p,--prompt", options.prompt,
                                "the prompt; without -p and -f: standard input");
  app.add_option("-f,--file", options.prompt_file, "file that holds the prompt")->excludes(prompt);
  app.add_option("-n,--predict,--n-predict", options.new_tokens,
                 "new tokens at most; -1: to the end")
      ->check(CLI::Range(-1, 1 << 30));
  app.add_option("-c,--ctx-size", options.backend.context,
                 "context in tokens; 0: the model's, at most 4096")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("-b,--batch-size", options.backend.max_tokens, "prompt tokens a step")
      ->check(CLI::Range(1, 65536));
  app.add_option("-r,--reverse-prompt,--stop", options.stop,
                 "text that ends the reply, may be repeated");
  app.add_flag("--ignore-eos", options.ignore_eos, "go on after the end of the text");
  app.add_flag("!--no-display-prompt", options.echo, "do not print the prompt before the reply");
  app.add_flag("--no-timings", options.no_timings, "print nothing after the text");
  AddSamplingOptions(app, options);
  AddBackendOptions(app, options.backend);
  if (const auto status = Parse(app, arguments)) return *status;
  options.has_prompt = prompt->count() > 0;
  if (const auto result = Execute(options); !result.ok()) return Fail(app, result.error());
  return 0;
}

}  // namespace millrace

// millrace run: continues a prompt, as it is written, or talks (cli/chat.h).
#include <algorithm>
#include <chrono>

#include "cli/beside.h"
#include "cli/chat.h"
#include "cli/escapes.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/reply_output.h"
#include "cli/run_options.h"
#include "cli/text_input.h"
#include "cli/timings.h"

namespace millrace {
namespace {

constexpr int kInterrupted = 130;  // what shells and llama.cpp give after Ctrl-C

bool IsConversation(const RunOptions& options) {
  if (options.no_conversation) return false;
  return options.conversation || options.system.has_value() || options.chat_template.has_value() ||
         options.single_turn || (!options.has_prompt() && IsTerminal(stdin));
}

Result<std::string> PromptText(const RunOptions& options) {
  if (options.has_prompt()) return GivenPrompt(options);
  if (IsTerminal(stdin)) Note("Type the prompt; Ctrl-D at the beginning of a line ends it.\n");
  MILLRACE_TRY(std::string text, ReadText(stdin, "standard input"));
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
                  .end_tokens = EndTokens(options, tokenizer)};
  if (request.prompt.empty()) {
    return Invalid(
        "prompt: found an empty one, wanted text: this vocabulary begins no text by "
        "itself");
  }
  return request;
}

// The exit status.
Result<int> Continue(const RunOptions& options, const Model& model, const Backend& backend,
                     const EngineOptions& engine_options, double load_s) {
  const Tokenizer& tokenizer = *model.tokenizer();
  MILLRACE_TRY(const std::string text, PromptText(options));
  MILLRACE_TRY_VOID(CheckLength(text, tokenizer, backend.executor->limits().context));
  MILLRACE_TRY(Request request, MakeRequest(options, tokenizer, text));
  MILLRACE_TRY(StopStrings stop, StopStrings::Build(options.stop));
  CatchInterrupts(SecondInterrupt::kEndsTheProgram);
  Engine engine(*backend.executor, engine_options);
  const ReplyOutput output{.before = options.echo ? text : std::string()};
  MILLRACE_TRY(const Reply reply,
               WriteReply(engine, *backend.executor, tokenizer, std::move(request), std::move(stop),
                          output, LineEnd::kAlways));
  const Guessing guessing = options.proposer.wanted() ? Guessing::kOn : Guessing::kOff;
  if (!options.no_timings)
    PutNote(Timings(reply, backend, load_s, options.sampling.seed, guessing));
  if (options.beside && reply.new_tokens > 1 && reply.decode_s > 0) {
    PutNote("\n" + BesideOtherMachines(model, (reply.new_tokens - 1) / reply.decode_s,
                                       backend.threads,
                                       reply.prompt_tokens + reply.new_tokens / 2));
  }
  return Interrupted() ? kInterrupted : 0;
}

// The exit status.
Result<int> Execute(const RunOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  std::optional<Progress> progress(fmt::format("loading {}", Printable(path)));
  MILLRACE_TRY(const Model model, Model::Load(path, options.backend.context));
  if (!model.tokenizer().ok()) return model.tokenizer().error();
  BackendOptions target = options.backend;
  target.window_blocks = true;
  MILLRACE_TRY(Backend backend, MakeBackend(model, target));
  MILLRACE_TRY(const ProposerBackend proposer,
               MakeProposer(model, options.backend, backend.executor->limits(), options.proposer));
  const double load_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  progress.reset();
  const EngineOptions engine{.proposer = proposer.proposer.get(),
                             .speculation = options.proposer.speculation};
  if (!IsConversation(options)) {
    return Continue(options, model, backend, engine, load_s);
  }
  MILLRACE_TRY_VOID(Chat(options, path, model, backend, engine));
  return 0;
}

}  // namespace

int Run(const Arguments& arguments) {
  RunOptions options;
  VerbApp app("run", "[-m FILE] [-p TEXT | -f FILE] [options]",
              "Continues a prompt and writes the text as it comes, or talks on a terminal; timings "
              "go to standard error");
  AddRunOptions(app, options);
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto valid = Complete(options); !valid.ok()) return Misuse(app, valid.error());
  const auto status = Execute(options);
  return status.ok() ? *status : Fail(app, status.error());
}

}  // namespace millrace

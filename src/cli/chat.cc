#include "cli/chat.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "cli/choose_template.h"
#include "cli/conversation.h"
#include "cli/escapes.h"
#include "cli/interrupt.h"
#include "cli/line_editor.h"
#include "cli/output.h"
#include "cli/reply_output.h"
#include "cli/text_input.h"

namespace millrace {
namespace {

constexpr std::string_view kHelp =
    "/help          this list\n"
    "/reset         forget what was said\n"
    "/system TEXT   what the system says; without TEXT: show it\n"
    "/regen         another reply to the last message\n"
    "/save FILE     keep the conversation, as JSON\n"
    "/load FILE     go on with one that was kept\n"
    "/stats         how much of the context is used, and what was computed\n"
    "/exit          leave, as Ctrl-D does\n"
    "A backslash at the end of a line lets it go on in the next one; // at its beginning is one "
    "slash.\n"
    "Ctrl-C stops a reply.\n";

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Result<void> WriteFile(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return {};
  return IoError("{}: cannot be written: {}", Printable(path), std::strerror(errno));
}

class ChatLoop {
 public:
  ChatLoop(const RunOptions& options, const Model& model, const Backend& backend,
           const EngineOptions& engine, Conversation conversation)
      : options_(options),
        tokenizer_(*model.tokenizer()),
        executor_(*backend.executor),
        engine_(*backend.executor, engine),
        conversation_(std::move(conversation)),
        editor_("> ") {
    if (options.system.has_value()) conversation_.SetSystem(*options.system);
  }

  Result<void> Run() {
    if (options_.has_prompt()) {
      MILLRACE_TRY(const std::string prompt, GivenPrompt(options_));
      MILLRACE_TRY_VOID(Say(prompt));
      if (options_.single_turn) return first_failure_;
    }
    bool leaving = false;  // an interrupt at an empty line; the next one ends it
    while (!over_) {
      const LineEditor::Line line = editor_.Read();
      if (line.end == LineEditor::End::kInput) break;
      if (line.end == LineEditor::End::kInterruptOfEmpty) {
        if (std::exchange(leaving, true)) break;
        Note("Ctrl-C once more, or Ctrl-D, leaves.\n");
        continue;
      }
      leaving = false;
      if (line.end == LineEditor::End::kInterrupt) continue;
      MILLRACE_TRY_VOID(Take(line.text));
    }
    // With nobody at a terminal an error is not just something to be read.
    return editor_.on_terminal() ? Result<void>() : first_failure_;
  }

 private:
  Result<void> Take(const std::string& line) {
    if (line.starts_with("//")) return Say(line.substr(1));
    if (line.starts_with("/")) return Command(line);
    if (Trimmed(line).empty() && !conversation_.is_story()) return {};
    return Say(line);
  }

  // Something that went wrong, and does not end the conversation.
  void Complain(const Error& error) {
    Note("{}\n", error.message);
    if (first_failure_.ok()) first_failure_ = error;
  }

  Result<void> Say(const std::string& text) {
    conversation_.AddUser(text);
    return Answer();
  }

  // The model's turn. Only what standard output says is an error of the whole.
  Result<void> Answer() {
    const auto prompt = conversation_.Prompt();
    if (!prompt.ok()) {
      Complain(prompt.error());
      conversation_.TakeBackUser();
      return {};
    }
    if (prompt->empty()) {
      Complain(Invalid("this vocabulary begins no text by itself: say something"));
      conversation_.TakeBackUser();
      return {};
    }
    Request request{.prompt = *prompt,
                    .sampling = options_.sampling,
                    .max_new_tokens = options_.new_tokens,
                    .end_tokens = EndTokens(options_, tokenizer_),
                    .random_stream = replies_++};
    auto stop = StopStrings::Build(options_.stop);
    if (!stop.ok()) return stop.error();
    std::string text;
    CatchInterrupts(SecondInterrupt::kIsCaughtToo);
    const auto reply = WriteReply(engine_, executor_, tokenizer_, std::move(request),
                                  std::move(stop).value(), {.text = &text}, LineEnd::kIfMissing);
    if (!reply.ok()) return Fail(reply.error(), prompt->size());
    Finish(*reply, text);
    return {};
  }

  Result<void> Fail(const Error& error, std::size_t prompt_tokens) {
    if (error.code == ErrorCode::kIo) return error;
    conversation_.TakeBackUser();
    if (error.code == ErrorCode::kExhausted) {
      Complain(
          Exhausted("the context of {} positions is full: this would take {} tokens. /reset "
                    "begins anew, /save keeps what was said",
                    executor_.limits().context, prompt_tokens));
    } else {
      Complain(error);
    }
    return {};
  }

  void Finish(const Reply& reply, const std::string& text) {
    used_ = reply.prompt_tokens + reply.new_tokens;
    computed_ += reply.prompt_tokens - reply.counts.cached_tokens;
    cached_ += reply.counts.cached_tokens;
    made_ += reply.new_tokens;
    const bool nothing = text.empty() && reply.end == ReplyEnd::kCancelled;
    if (nothing) {
      conversation_.TakeBackUser();
      Note("(no reply yet: what you said is taken back)\n");
    } else {
      conversation_.AddReply(text);
    }
    if (reply.end == ReplyEnd::kContextFull) {
      Note("The context of {} positions is full: /reset begins anew, /save keeps what was said.\n",
           executor_.limits().context);
    }
    if (!options_.no_timings) NoteTimings(reply);
  }

  // One line: what was read, what was written, what is left.
  void NoteTimings(const Reply& reply) {
    if (reply.prefill_s <= 0) return;
    std::string line =
        fmt::format("[{} tokens read in {:.2f} s", reply.prompt_tokens - reply.counts.cached_tokens,
                    reply.prefill_s);
    if (reply.counts.cached_tokens > 0) {
      line += fmt::format(", {} known", reply.counts.cached_tokens);
    }
    line += fmt::format("; {} written", reply.new_tokens);
    if (reply.new_tokens > 1 && reply.decode_s > 0) {
      line += fmt::format(" at {:.1f} tok/s", (reply.new_tokens - 1) / reply.decode_s);
    }
    Note("{}; {} of {} positions]\n", line, used_, executor_.limits().context);
  }

  Result<void> Command(const std::string& line) {
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    const std::string name = line.substr(0, space);
    const std::string argument(Trimmed(std::string_view(line).substr(space)));
    if (name == "/help" || name == "/?") {
      PutNote(kHelp);
    } else if (name == "/reset") {
      conversation_.Reset();
      used_ = 0;
      Note("Forgotten.\n");
    } else if (name == "/system") {
      System(argument);
    } else if (name == "/regen") {
      return Regenerate();
    } else if (name == "/save") {
      Save(argument);
    } else if (name == "/load") {
      Load(argument);
    } else if (name == "/stats") {
      Stats();
    } else if (name == "/exit" || name == "/quit") {
      over_ = true;
    } else {
      Complain(Invalid("found {}, wanted a command: /help lists them", PrintableStart(name, 40)));
    }
    return {};
  }

  void System(const std::string& text) {
    if (text.empty()) {
      Note("{}\n", conversation_.system().empty() ? "The system says nothing."
                                                  : Printable(conversation_.system()));
      return;
    }
    conversation_.SetSystem(text);
    Note("The system says that from the beginning now.\n");
  }

  Result<void> Regenerate() {
    if (conversation_.TakeBackReply()) return Answer();
    Complain(Invalid("/regen: there is no reply yet"));
    return {};
  }

  void Save(const std::string& path) {
    if (path.empty()) return Complain(Invalid("/save: wanted the name of a file"));
    const auto written = WriteFile(path, conversation_.ToJson());
    if (!written.ok()) return Complain(written.error());
    Note("{} turns kept in {}.\n", conversation_.turns(), Printable(path));
  }

  void Load(const std::string& path) {
    if (path.empty()) return Complain(Invalid("/load: wanted the name of a file"));
    const auto text = ReadText(path);
    if (!text.ok()) return Complain(text.error());
    const auto loaded = conversation_.FromJson(*text, Printable(path));
    if (!loaded.ok()) return Complain(loaded.error());
    Note("{} turns from {}.\n", conversation_.turns(), Printable(path));
  }

  void Stats() {
    Note(
        "{} turns, {} of {} positions; {} replies: {} tokens read, {} more were known, {} "
        "written; seed {}\n",
        conversation_.turns(), used_, executor_.limits().context, replies_, computed_, cached_,
        made_, options_.sampling.seed);
  }

  const RunOptions& options_;
  const Tokenizer& tokenizer_;
  const Executor& executor_;
  Engine engine_;
  Conversation conversation_;
  LineEditor editor_;
  std::uint64_t replies_ = 0;  // asked for: each has random numbers of its own
  std::int32_t used_ = 0;      // positions, by the last reply
  std::int64_t computed_ = 0, cached_ = 0, made_ = 0;  // tokens
  bool over_ = false;
  Result<void> first_failure_;
};

void Greet(const std::string& path, const ChosenTemplate& chosen) {
  const std::string name = Printable(std::filesystem::path(path).filename().string());
  if (chosen.chat_template.has_value()) {
    Note("{}, with a chat template: {}.\n", name, chosen.origin);
  } else {
    Note(
        "{} has no chat template, so it goes on with your text: begin a story.\n"
        "An empty line lets it continue.\n",
        name);
  }
  Note("/help lists the commands; Ctrl-C stops a reply, Ctrl-D leaves.\n");
}

}  // namespace

Result<void> Chat(const RunOptions& options, const std::string& path, const Model& model,
                  const Backend& backend, const EngineOptions& engine) {
  MILLRACE_TRY(ChosenTemplate chosen, ChooseTemplate(model, options.chat_template));
  if (IsTerminal(stdin)) Greet(path, chosen);
  auto variables = nlohmann::ordered_json::object();
  if (!options.template_variables.empty()) {
    variables = nlohmann::ordered_json::parse(options.template_variables);
  }
  ChatLoop loop(
      options, model, backend, engine,
      Conversation(*model.tokenizer(), std::move(chosen.chat_template), std::move(variables)));
  return loop.Run();
}

}  // namespace millrace

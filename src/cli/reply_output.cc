#include "cli/reply_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"

namespace millrace {
namespace {

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

// Standard output, until it refuses.
class Writer {
 public:
  bool Write(std::string_view text) {
    if (!text.empty()) ends_line_ = text.back() == '\n';
    if (written_.ok()) written_ = Put(text);
    if (written_.ok()) written_ = FlushOutput();
    return written_.ok();
  }
  bool ends_line() const { return ends_line_; }
  const Result<void>& written() const { return written_; }

 private:
  Result<void> written_;
  bool ends_line_ = false;
};

}  // namespace

Result<Reply> WriteReply(Engine& engine, const Executor& executor, const Tokenizer& tokenizer,
                         Request request, StopStrings stop, const ReplyOutput& output,
                         LineEnd line_end) {
  const std::size_t prompt_tokens = request.prompt.size();
  std::optional<Progress> progress("reading the prompt");
  Writer writer;
  const auto write = [&](std::string_view text) {
    if (progress.has_value()) {
      progress.reset();
      if (!writer.Write(output.before)) return false;
    }
    if (output.text != nullptr) *output.text += text;
    return writer.Write(text);
  };
  ReplySinks sinks;
  sinks.text = write;
  sinks.token = [&](const TokenEvent& event) {
    write("");
    NoteLogprobs(tokenizer, event);
  };
  sinks.proceed = [&, steps = std::size_t{0}]() mutable {
    const auto step_tokens = static_cast<std::size_t>(executor.limits().max_tokens);
    if (progress.has_value()) {
      progress->Update(fmt::format("reading the prompt: {} of {} tokens",
                                   std::min(prompt_tokens, steps++ * step_tokens), prompt_tokens));
    }
    return !Interrupted();
  };
  MILLRACE_TRY(const Reply reply,
               Generate(engine, tokenizer, std::move(request), std::move(stop), sinks));
  write("");  // what stands before even an empty reply
  if (line_end == LineEnd::kAlways || !writer.ends_line()) writer.Write("\n");
  if (!writer.written().ok()) return writer.written().error();
  return reply;
}

}  // namespace millrace

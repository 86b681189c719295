#include "engine/generation.h"

#include <chrono>

#include "text/stream_decoder.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

ReplyEnd EndFor(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEndToken:
      return ReplyEnd::kEndToken;
    case FinishReason::kMaxNewTokens:
      return ReplyEnd::kMaxNewTokens;
    case FinishReason::kContextFull:
      return ReplyEnd::kContextFull;
  }
  MILLRACE_CHECK(false);
  return ReplyEnd::kEndToken;
}

// One reply while it is made.
class Generation {
 public:
  Generation(const Tokenizer& tokenizer, StopStrings stop, const ReplySinks& sinks, Reply& reply)
      : decoder_(tokenizer, StreamStart::kAfterPrompt),
        stop_(std::move(stop)),
        sinks_(sinks),
        reply_(reply) {}

  // Whether the reply goes on after this token.
  bool Take(const TokenEvent& event) {
    ++reply_.new_tokens;
    if (sinks_.token) sinks_.token(event);
    const bool shown = event.finished != FinishReason::kEndToken;
    if (!Show(stop_.Feed(shown ? decoder_.Push(event.token) : std::string()))) {
      reply_.end = ReplyEnd::kCancelled;
      return false;
    }
    if (stop_.stopped_by().has_value()) {
      reply_.end = ReplyEnd::kStopString;
      return false;
    }
    if (event.finished.has_value()) reply_.end = EndFor(*event.finished);
    return !event.finished.has_value();
  }

  // The text that was held back.
  void Finish() {
    if (Show(stop_.Feed(decoder_.Flush()))) Show(stop_.Finish());
  }

 private:
  bool Show(std::string_view text) const {
    return text.empty() || !sinks_.text || sinks_.text(text);
  }

  StreamDecoder decoder_;
  StopStrings stop_;
  const ReplySinks& sinks_;
  Reply& reply_;
};

}  // namespace

Result<Reply> Generate(Engine& engine, const Tokenizer& tokenizer, Request request,
                       StopStrings stop, const ReplySinks& sinks) {
  Reply reply{.prompt_tokens = static_cast<std::int32_t>(request.prompt.size())};
  const bool prompt_only = request.max_new_tokens == 0;
  Generation generation(tokenizer, std::move(stop), sinks, reply);
  MILLRACE_TRY(const SequenceId id, engine.Add(std::move(request)));
  const Clock::time_point begin = Clock::now();
  Clock::time_point first_token = begin;
  for (bool going = true; going;) {
    if (sinks.proceed && !sinks.proceed()) {
      reply.end = ReplyEnd::kCancelled;
      break;
    }
    for (const TokenEvent& event : engine.Step()) {  // nothing, if it was a part of the prompt
      MILLRACE_CHECK(event.sequence == id);
      reply.counts = event.counts;
      if (first_token == begin) {
        first_token = Clock::now();
        reply.prefill_s = SecondsSince(begin);
      }
      if (prompt_only) reply.end = ReplyEnd::kMaxNewTokens;
      going = !prompt_only && generation.Take(event);
      if (!going) break;
    }
  }
  engine.Stop(id);
  if (reply.prefill_s > 0) reply.decode_s = SecondsSince(first_token);
  if (reply.end != ReplyEnd::kStopString) generation.Finish();
  return reply;
}

}  // namespace millrace

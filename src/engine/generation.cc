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

}  // namespace

Result<Reply> Generate(Engine& engine, const Tokenizer& tokenizer, Request request,
                       StopStrings stop, const TextSink& text_sink, const TokenSink& token_sink) {
  Reply reply{.prompt_tokens = static_cast<std::int32_t>(request.prompt.size())};
  StreamDecoder decoder(tokenizer, StreamStart::kAfterPrompt);
  MILLRACE_TRY(const SequenceId id, engine.Add(std::move(request)));
  const Clock::time_point begin = Clock::now();
  Clock::time_point first_token = begin;
  bool going = true;
  while (going && !engine.idle()) {
    for (const TokenEvent& event : engine.Step()) {
      if (reply.new_tokens++ == 0) {
        reply.prefill_s = SecondsSince(begin);
        first_token = Clock::now();
      }
      if (token_sink) token_sink(event);
      const bool shown = event.finished != FinishReason::kEndToken;
      const std::string_view safe = stop.Feed(shown ? decoder.Push(event.token) : std::string());
      if (!safe.empty() && !text_sink(safe)) {
        reply.end = ReplyEnd::kCancelled;
        going = false;
      } else if (stop.stopped_by().has_value()) {
        reply.end = ReplyEnd::kStopString;
        going = false;
      } else if (event.finished.has_value()) {
        reply.end = EndFor(*event.finished);
      }
    }
  }
  engine.Stop(id);
  reply.decode_s = SecondsSince(first_token);
  if (going) {
    std::string rest(stop.Feed(decoder.Flush()));
    rest += stop.Finish();
    if (!rest.empty()) text_sink(rest);
  }
  return reply;
}

}  // namespace millrace

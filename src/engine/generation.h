// One reply as text, streamed: the engine's tokens through the decoder and the stop strings.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/stop_strings.h"
#include "text/tokenizer.h"

namespace millrace {

enum class ReplyEnd { kEndToken, kMaxNewTokens, kContextFull, kStopString, kCancelled };

struct Reply {
  ReplyEnd end = ReplyEnd::kEndToken;
  std::int32_t prompt_tokens = 0;
  std::int32_t new_tokens = 0;  // the end token included
  ReplyCounts counts{};         // what was spared; zeros if cancelled before the first token
  double prefill_s = 0;         // to the first token, its sampling included; 0 if cancelled before
  double decode_s = 0;          // of the other new_tokens - 1 tokens
};

// Where a reply goes as it is made. Any of them may be empty.
struct ReplySinks {
  // Text as soon as it is certain: whole characters, never part of a stop string. Returning false
  // cancels the reply.
  std::function<bool(std::string_view)> text;
  // Every token, before its text.
  std::function<void(const TokenEvent&)> token;
  // Asked before every step of the engine, so during a long prompt too. Returning false cancels.
  std::function<bool()> proceed;
};

// Runs `request` on an engine that is otherwise idle. A request for no new token computes the
// prompt and ends. Errors are those of Engine::Add; then no sink was called.
Result<Reply> Generate(Engine& engine, const Tokenizer& tokenizer, Request request,
                       StopStrings stop, const ReplySinks& sinks);

}  // namespace millrace

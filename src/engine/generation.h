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
  std::int32_t new_tokens = 0;
  double prefill_s = 0;  // to the first token, its sampling included
  double decode_s = 0;   // of the other new_tokens - 1 tokens
};

// Called with text as soon as it is certain (whole characters, never part of a stop string).
// Returning false cancels.
using TextSink = std::function<bool(std::string_view)>;
// Called with every token, before its text.
using TokenSink = std::function<void(const TokenEvent&)>;

// Runs `request` on an engine that is otherwise idle. Errors are those of Engine::Add.
Result<Reply> Generate(Engine& engine, const Tokenizer& tokenizer, Request request,
                       StopStrings stop, const TextSink& text_sink,
                       const TokenSink& token_sink = {});

}  // namespace millrace

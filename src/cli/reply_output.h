// A reply as it is made, on standard output.
#pragma once

#include <string>

#include "engine/generation.h"

namespace millrace {

struct ReplyOutput {
  std::string before = {};      // written with the first text
  std::string* text = nullptr;  // takes the reply's text too, if not null
};

// Runs the request and writes its text; a line end follows, if the reply does not end in one itself
// or `always_end_line`. While the prompt is read a terminal shows how far that is. Interrupted()
// ends the reply. What fails writes nothing; errors are those of Generate, and kIo.
enum class LineEnd { kAlways, kIfMissing };
Result<Reply> WriteReply(Engine& engine, const Executor& executor, const Tokenizer& tokenizer,
                         Request request, StopStrings stop, const ReplyOutput& output,
                         LineEnd line_end);

}  // namespace millrace

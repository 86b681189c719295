// Standard output and standard error, where a full disk or a closed pipe is an error and never a
// crash.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace millrace {

// Writes to standard output, buffered. kIo if it cannot be written.
Result<void> Put(std::string_view text);

// Hands on what is buffered. Also kIo if any Put before failed.
Result<void> FlushOutput();

// Writes to standard error. What cannot be written is lost: there is nobody to tell.
void PutNote(std::string_view text);

template <typename... Args>
void Note(fmt::format_string<Args...> format, Args&&... args) {
  PutNote(fmt::format(format, std::forward<Args>(args)...));
}

// A file or standard stream that is a terminal: a person reads it as it is written.
bool IsTerminal(std::FILE* file);

// Opens what is closed of the three standard streams, so that no file that is opened later takes
// their numbers: standard output then refuses every write. To be called first of all.
void HoldStandardStreams();

}  // namespace millrace

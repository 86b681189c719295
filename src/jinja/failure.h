// How an error travels inside this folder: as an exception that Parse and Render turn into the
// Result they return. It leaves the folder nowhere else.
//
// An expression is a tree of calls of calls (a macro in a filter in an argument), and what a
// failure allocated dies with the heap of its rendering, so unwinding costs nothing to get right.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/result.h"

namespace millrace::jinja {

struct Failure {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;  // without name and line: whoever catches it adds them
};

// What Python would call a TypeError, ValueError, ...: the template or its input is wrong.
template <typename... Args>
[[noreturn]] void Fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{ErrorCode::kInvalid, fmt::format(format, std::forward<Args>(args)...)};
}

// A limit of the rendering is reached.
template <typename... Args>
[[noreturn]] void FailExhausted(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{ErrorCode::kExhausted, fmt::format(format, std::forward<Args>(args)...)};
}

// Jinja has it, this program does not.
template <typename... Args>
[[noreturn]] void FailUnsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure{ErrorCode::kUnsupported, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace millrace::jinja

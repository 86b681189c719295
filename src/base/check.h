// Our own bugs: a failed check prints where and what, and ends the program. Never for bad input
// (base/result.h).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace millrace {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace millrace

#define MILLRACE_CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::millrace::CheckFailed(__FILE__, __LINE__, #condition))

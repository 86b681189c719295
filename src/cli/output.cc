#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace millrace {
namespace {

Error OutputError(int reason) {
  const char* text = reason == 0 ? "the system gives no reason" : std::strerror(reason);
  return IoError("standard output: cannot be written: {}", text);
}

}  // namespace

Result<void> Put(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) return OutputError(errno);
  return {};
}

Result<void> FlushOutput() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return OutputError(errno);
  return {};
}

void PutNote(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

bool IsTerminal(std::FILE* file) { return isatty(fileno(file)) == 1; }

void HoldStandardStreams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    open("/dev/null", O_RDONLY);  // takes the lowest number that is free: this one
  }
}

}  // namespace millrace

#include "cli/text_input.h"

#include <cerrno>
#include <cstring>
#include <memory>

namespace millrace {

// Tokenizing takes some 25 bytes of memory a byte of text.
constexpr std::size_t kMaxTextBytes = std::size_t{32} << 20;

Result<std::string> ReadText(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr) {
    if (errno == ENOENT) return NotFound("{}: no such file", path);
    return IoError("{}: cannot be opened: {}", path, std::strerror(errno));
  }
  return ReadText(file.get(), path);
}

Result<std::string> ReadText(std::FILE* file, const std::string& name) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    errno = 0;
    const std::size_t count = std::fread(buffer, 1, sizeof(buffer), file);
    text.append(buffer, count);
    if (text.size() > kMaxTextBytes)
      return Exhausted("{}: found more than {} bytes of text, wanted less", name, kMaxTextBytes);
    if (count < sizeof(buffer)) break;
  }
  if (std::ferror(file) != 0) return IoError("{}: cannot be read: {}", name, std::strerror(errno));
  return text;
}

}  // namespace millrace

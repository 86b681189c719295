#include "cli/escapes.h"

#include <fmt/format.h>

#include <charconv>

#include "text/utf8.h"

namespace millrace {
namespace {

// What one well-formed or ill-formed sequence looks like.
std::string Shown(std::string_view bytes, const Utf8Sequence& sequence) {
  if (bytes == "\n") return "\\n";
  if (bytes == "\t") return "\\t";
  if (bytes == "\r") return "\\r";
  const bool control = sequence.code_point < 0x20 ||
                       (sequence.code_point >= 0x7f && sequence.code_point < 0xa0) ||
                       sequence.code_point == 0x2028 || sequence.code_point == 0x2029;
  if (sequence.form == Utf8Form::kWellFormed && !control) return std::string(bytes);
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

// The escape at the beginning of `text`, and how much of it that was; 0 if it is none.
std::size_t ReadEscape(std::string_view text, char& character) {
  constexpr std::string_view kLetters = "ntr\"'\\";
  constexpr std::string_view kMeanings = "\n\t\r\"'\\";
  if (text.size() < 2 || text[0] != '\\') return 0;
  if (const std::size_t letter = kLetters.find(text[1]); letter != std::string_view::npos) {
    character = kMeanings[letter];
    return 2;
  }
  if (text[1] != 'x' || text.size() < 4) return 0;
  unsigned char byte = 0;
  const auto parsed = std::from_chars(text.data() + 2, text.data() + 4, byte, 16);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + 4) return 0;
  character = static_cast<char>(byte);
  return 4;
}

}  // namespace

std::string Printable(std::string_view text) { return PrintableStart(text, text.max_size()); }

std::string PrintableStart(std::string_view text, std::size_t most) {
  std::string shown;
  while (!text.empty()) {
    if (shown.size() >= most) return shown + "...";
    const Utf8Sequence sequence = FirstUtf8Sequence(text);
    shown += Shown(text.substr(0, sequence.bytes), sequence);
    text.remove_prefix(sequence.bytes);
  }
  return shown;
}

std::string Unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    char character = text[0];
    const std::size_t escape = ReadEscape(text, character);
    plain += character;
    text.remove_prefix(escape == 0 ? 1 : escape);
  }
  return plain;
}

}  // namespace millrace

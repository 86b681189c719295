// UTF-8 as the Unicode standard defines it (chapter 3.9, table 3-7): one sequence at a time, never
// trusting the input.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

enum class Utf8Form {
  kWellFormed,
  kIllFormed,  // can never become well-formed, whatever follows
  kTruncated,  // the text ends inside a sequence that is fine so far
};

struct Utf8Sequence {
  Utf8Form form;
  // Well-formed: 1 to 4. Otherwise the bytes that belong together as one mistake, at least 1 (the
  // "maximal subpart", for which decoders usually put one U+FFFD).
  std::size_t bytes;
  char32_t code_point;  // U+FFFD unless well-formed
};

// The sequence at the beginning of `text`, which must not be empty.
Utf8Sequence FirstUtf8Sequence(std::string_view text);

bool IsWellFormedUtf8(std::string_view text);

// The UTF-8 form of a code point below 0x110000 that is not a surrogate.
std::string EncodeUtf8(char32_t code_point);

// `text` with U+FFFD for every single byte that is not part of a well-formed sequence.
std::string ReplaceIllFormedBytes(std::string_view text);

// Text that arrives in pieces cut anywhere, given on as well-formed UTF-8 as early as possible.
class Utf8Stream {
 public:
  // What became certain with `bytes`: complete sequences, and U+FFFD for each mistake. At most 3
  // bytes wait inside.
  std::string Push(std::string_view bytes);

  // The end: U+FFFD if a sequence was left unfinished, otherwise nothing. The stream is then as
  // new.
  std::string Flush();

 private:
  std::string pending_;  // a truncated sequence
};

}  // namespace millrace

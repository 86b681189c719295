// A template's source, cut into tokens: text between tags, the tags, and what stands inside them.
//
// Whitespace is decided here, as Jinja2 does with trim_blocks and lstrip_blocks: a line end right
// after a block or comment goes, blanks between a line's beginning and a block or comment go, `-`
// beside a delimiter takes all whitespace on that side, `+` keeps it. {% raw %} ends here too.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    kData,
    kVariableBegin,  // {{
    kVariableEnd,
    kBlockBegin,  // {%
    kBlockEnd,
    kName,
    kString,  // `text` is its value
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Kind kind = Kind::kEnd;
  int line = 1;
  std::string_view text;
  std::int64_t integer = 0;
  double real = 0;
};

// A token as messages name it: a quoted text, "end of template", ...
std::string Describe(const Token& token);

// What Jinja2 makes of a source before it reads it: every line end is "\n", one at the very end is
// gone.
std::string NormalizeLines(std::string_view source);

// The tokens of `source`, which NormalizeLines returned; the last is kEnd. They point into it and
// into `strings`, which takes strings that have escapes. Throws SyntaxError.
std::vector<Token> Tokenize(std::string_view source, std::deque<std::string>& strings);

struct SyntaxError {
  int line;
  std::string message;
};

}  // namespace millrace::jinja

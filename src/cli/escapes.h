// Text made fit to be shown, and the escapes that a command line is written with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

// `text` on one line: control characters and bytes that are not UTF-8 as \n, \t, \x1b and so on.
std::string Printable(std::string_view text);

// The same, of at most about `most` bytes; what is longer ends in "...".
std::string PrintableStart(std::string_view text, std::size_t most);

// \n \t \r \" \' \\ and \xHH as the characters that they stand for, as llama.cpp reads a prompt;
// any other backslash stays.
std::string Unescape(std::string_view text);

}  // namespace millrace

// Texts as Python sees them: sequences of characters (Unicode code points), here in UTF-8. A byte
// that is not part of well-formed UTF-8 counts as a character and stays as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::jinja {

struct Character {
  char32_t code;      // the byte itself + kRawByte if it is not part of UTF-8
  std::size_t bytes;  // 1 to 4
};

inline constexpr char32_t kRawByte = 0x110000;

// The character at the beginning of `text`, which is not empty.
Character FirstCharacter(std::string_view text);
// The one at its end.
Character LastCharacter(std::string_view text);

std::size_t CountCharacters(std::string_view text);

// The byte at which character `index` begins; `text.size()` from the end on.
std::size_t ByteOffset(std::string_view text, std::size_t index);

void AppendCharacter(std::string& text, char32_t code);

// As Python's str has them; the tables are those of Unicode 14 (jinja/character_tables.h).
bool IsSpace(char32_t code);
bool IsLetter(char32_t code);     // isalpha
bool IsDecimal(char32_t code);    // isdecimal
bool IsDigit(char32_t code);      // isdigit: also superscripts and the like
bool IsNumeric(char32_t code);    // isnumeric: also fractions, Roman numerals, ...
bool IsPrintable(char32_t code);  // repr shows it as it is

std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
std::string SwapCase(std::string_view text);
std::string Capitalize(std::string_view text);
std::string Title(std::string_view text);  // str.title(): every run of letters

// Whether there is a letter with case, and every one has this case.
bool IsUpper(std::string_view text);
bool IsLower(std::string_view text);

}  // namespace millrace::jinja

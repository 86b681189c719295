// What Unicode says of characters and texts: categories, case, normal forms.
//
// The tables are utf8proc's (Unicode 15). Texts need not be well-formed UTF-8: what is not stays as
// it is.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// White_Space of PropList.txt: 25 code points.
bool IsUnicodeSpace(char32_t c);
bool IsUnicodePunctuation(char32_t c);  // category P
bool IsUnicodeNumber(char32_t c);       // category N
bool IsUnicodeControl(char32_t c);      // category C but for the unassigned

// Letters, marks, decimal digits and what connects them ('_'): \w of Unicode's regular expressions.
bool IsWordCharacter(char32_t c);

// What WordPiece calls punctuation: category P, and everything in ASCII that prints and is neither
// letter, digit nor space ('$', '+', '~', ...).
bool IsPunctuationOrAsciiSymbol(char32_t c);

// The full lower-case form without context: one code point, except that U+0130 becomes two.
std::string LowercaseUtf8(std::string_view text);

// UAX #15.
enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
std::string NormalizeUtf8(std::string_view text, NormalForm form);

// Of every character the first of its canonical decomposition: a letter without its accents, but
// of a syllable of Hangul also only the first letter.
std::string FirstOfDecompositions(std::string_view text);

// `text` without its marks: those of category Mn, or of all of M (Mn, Mc, Me).
enum class Marks { kNonspacing, kAll };
std::string RemoveMarks(std::string_view text, Marks marks);

}  // namespace millrace

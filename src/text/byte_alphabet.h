// The printable alphabet in which byte-level BPE vocabularies spell bytes (introduced with GPT-2).
//
// Bytes that print in Latin-1 (33-126, 161-172, 174-255) stand for themselves as code points; the
// other 68 are, in ascending order, U+0100 to U+0143. So a space is written U+0120, a line feed
// U+010A, and no piece contains white space.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// The letter of a byte, as UTF-8. Valid for ever.
std::string_view LetterOfByte(std::uint8_t byte);

// The byte of a letter, or nothing for a code point outside the alphabet.
std::optional<std::uint8_t> ByteOfLetter(char32_t letter);

// `bytes` spelled in the alphabet.
std::string SpellBytes(std::string_view bytes);

// The bytes that a piece spells. What is no letter of the alphabet stands for its own UTF-8 bytes.
std::string BytesOfSpelling(std::string_view piece);

}  // namespace millrace

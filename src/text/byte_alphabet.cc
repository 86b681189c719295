#include "text/byte_alphabet.h"

#include <array>
#include <cstddef>

#include "text/utf8.h"

namespace millrace {
namespace {

constexpr char32_t kFirstSubstitute = 0x100;
constexpr std::size_t kSubstitutes = 68;

constexpr bool PrintsInLatin1(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct Alphabet {
  std::array<std::string, 256> letters;
  std::array<std::uint8_t, kSubstitutes> substituted;  // [i]: the byte written kFirstSubstitute + i
};

Alphabet BuildAlphabet() {
  Alphabet alphabet;
  std::size_t substitutes = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (PrintsInLatin1(byte)) {
      alphabet.letters[byte] = EncodeUtf8(byte);
    } else {
      alphabet.letters[byte] = EncodeUtf8(kFirstSubstitute + static_cast<char32_t>(substitutes));
      alphabet.substituted[substitutes++] = static_cast<std::uint8_t>(byte);
    }
  }
  return alphabet;
}

const Alphabet& TheAlphabet() {
  static const Alphabet* const alphabet = new Alphabet(BuildAlphabet());
  return *alphabet;
}

}  // namespace

std::string_view LetterOfByte(std::uint8_t byte) { return TheAlphabet().letters[byte]; }

std::optional<std::uint8_t> ByteOfLetter(char32_t letter) {
  if (letter < 256) {
    if (!PrintsInLatin1(letter)) return std::nullopt;
    return static_cast<std::uint8_t>(letter);
  }
  if (letter >= kFirstSubstitute + kSubstitutes) return std::nullopt;
  return TheAlphabet().substituted[letter - kFirstSubstitute];
}

std::string SpellBytes(std::string_view bytes) {
  std::string spelling;
  spelling.reserve(2 * bytes.size());
  for (const char byte : bytes) spelling += LetterOfByte(static_cast<std::uint8_t>(byte));
  return spelling;
}

std::string BytesOfSpelling(std::string_view piece) {
  std::string bytes;
  bytes.reserve(piece.size());
  while (!piece.empty()) {
    const Utf8Sequence sequence = FirstUtf8Sequence(piece);
    std::optional<std::uint8_t> byte;
    if (sequence.form == Utf8Form::kWellFormed) byte = ByteOfLetter(sequence.code_point);
    if (byte.has_value()) {
      bytes += static_cast<char>(*byte);
    } else {
      bytes += piece.substr(0, sequence.bytes);
    }
    piece.remove_prefix(sequence.bytes);
  }
  return bytes;
}

}  // namespace millrace

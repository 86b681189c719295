#include "jinja/characters.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "jinja/character_tables.h"

namespace millrace::jinja {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

bool IsIn(std::span<const CharacterRange> ranges, char32_t code) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), code,
                       [](char32_t c, const auto& range) { return c < range.first; });
  return after != ranges.begin() && code <= std::prev(after)->last;
}

// The tables of one mapping: `simple` to one character, `longer` to several.
struct Mapping {
  std::span<const CharacterMapping> simple;
  std::span<const CharacterExpansion> longer;
};

// Appends what `code` is mapped to, if the table has it.
bool AppendMapped(std::string& text, const Mapping& mapping, char32_t code) {
  const auto after = std::upper_bound(mapping.simple.begin(), mapping.simple.end(), code,
                                      [](char32_t c, const auto& row) { return c < row.first; });
  if (after != mapping.simple.begin()) {
    const CharacterMapping& row = *std::prev(after);
    if (code <= row.last && (code - row.first) % row.step == 0) {
      AppendCharacter(text, static_cast<char32_t>(static_cast<std::int32_t>(code) + row.delta));
      return true;
    }
  }
  const auto longer = std::find_if(mapping.longer.begin(), mapping.longer.end(),
                                   [&](const auto& row) { return row.code == code; });
  if (longer == mapping.longer.end()) return false;
  text += longer->text;
  return true;
}

const Mapping kUpperMapping{kToUpper, kToUpperLonger};
const Mapping kLowerMapping{kToLower, kToLowerLonger};
const Mapping kTitleMapping{kToTitle, kToTitleLonger};

bool IsCased(char32_t code) {
  return IsIn(kLowerCase, code) || IsIn(kUpperCase, code) || IsIn(kTitleCase, code);
}

void AppendUpper(std::string& text, char32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code >= 'a' && code <= 'z' ? code - 32 : code);
  } else if (!AppendMapped(text, kUpperMapping, code)) {
    AppendCharacter(text, code);
  }
}

void AppendLower(std::string& text, char32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code >= 'A' && code <= 'Z' ? code + 32 : code);
  } else if (!AppendMapped(text, kLowerMapping, code)) {
    AppendCharacter(text, code);
  }
}

void AppendTitle(std::string& text, char32_t code) {
  if (code < 0x80 || !AppendMapped(text, kTitleMapping, code)) AppendUpper(text, code);
}

// Between `before` and `after`: a sigma at the end of a word has a form of its own.
void AppendLowerIn(std::string& text, char32_t code, std::string_view before,
                   std::string_view after) {
  if (code != kCapitalSigma) return AppendLower(text, code);
  const bool follows = !before.empty() && IsCased(LastCharacter(before).code);
  const bool precedes = !after.empty() && IsCased(FirstCharacter(after).code);
  AppendCharacter(text, follows && !precedes ? kFinalSigma : kSmallSigma);
}

template <typename Function>
void ForEach(std::string_view text, const Function& function) {
  for (std::size_t at = 0; at < text.size();) {
    const Character character = FirstCharacter(text.substr(at));
    function(character.code, at, character.bytes);
    at += character.bytes;
  }
}

}  // namespace

Character FirstCharacter(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const Character raw{kRawByte + lead, 1};
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return raw;
  char32_t code = lead & (0x7Fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return raw;
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const char32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return raw;
  return {code, bytes};
}

Character LastCharacter(std::string_view text) {
  for (std::size_t bytes = 1; bytes <= std::min<std::size_t>(4, text.size()); ++bytes) {
    const Character character = FirstCharacter(text.substr(text.size() - bytes));
    if (character.bytes == bytes && character.code < kRawByte) return character;
  }
  return {kRawByte + static_cast<unsigned char>(text.back()), 1};
}

std::size_t CountCharacters(std::string_view text) {
  std::size_t count = 0;
  ForEach(text, [&](char32_t, std::size_t, std::size_t) { ++count; });
  return count;
}

std::size_t ByteOffset(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += FirstCharacter(text.substr(at)).bytes;
  return at;
}

void AppendCharacter(std::string& text, char32_t code) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code >= kRawByte) {
    add(code - kRawByte);
  } else if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

bool IsSpace(char32_t code) { return IsIn(kSpaces, code); }
bool IsLetter(char32_t code) { return IsIn(kLetters, code); }
bool IsDecimal(char32_t code) { return IsIn(kDecimals, code); }
bool IsDigit(char32_t code) { return IsIn(kDigits, code); }
bool IsNumeric(char32_t code) { return IsIn(kNumerics, code); }
bool IsPrintable(char32_t code) { return code < kRawByte && !IsIn(kNotPrintable, code); }

std::string Upper(std::string_view text) {
  std::string result;
  ForEach(text, [&](char32_t code, std::size_t, std::size_t) { AppendUpper(result, code); });
  return result;
}

std::string Lower(std::string_view text) {
  std::string result;
  ForEach(text, [&](char32_t code, std::size_t at, std::size_t bytes) {
    AppendLowerIn(result, code, text.substr(0, at), text.substr(at + bytes));
  });
  return result;
}

std::string SwapCase(std::string_view text) {
  std::string result;
  ForEach(text, [&](char32_t code, std::size_t at, std::size_t bytes) {
    if (IsIn(kUpperCase, code)) {
      AppendLowerIn(result, code, text.substr(0, at), text.substr(at + bytes));
    } else if (IsIn(kLowerCase, code)) {
      AppendUpper(result, code);
    } else {
      AppendCharacter(result, code);
    }
  });
  return result;
}

std::string Capitalize(std::string_view text) {
  if (text.empty()) return {};
  std::string result;
  const Character first = FirstCharacter(text);
  AppendTitle(result, first.code);
  const std::size_t before = Lower(text.substr(0, first.bytes)).size();
  return result + Lower(text).substr(before);
}

std::string Title(std::string_view text) {
  std::string result;
  bool in_word = false;
  ForEach(text, [&](char32_t code, std::size_t at, std::size_t bytes) {
    if (in_word) {
      AppendLowerIn(result, code, text.substr(0, at), text.substr(at + bytes));
    } else {
      AppendTitle(result, code);
    }
    in_word = IsCased(code);
  });
  return result;
}

bool IsUpper(std::string_view text) {
  bool found = false, other = false;
  ForEach(text, [&](char32_t code, std::size_t, std::size_t) {
    found = found || IsIn(kUpperCase, code);
    other = other || IsIn(kLowerCase, code) || IsIn(kTitleCase, code);
  });
  return found && !other;
}

bool IsLower(std::string_view text) {
  bool found = false, other = false;
  ForEach(text, [&](char32_t code, std::size_t, std::size_t) {
    found = found || IsIn(kLowerCase, code);
    other = other || IsIn(kUpperCase, code) || IsIn(kTitleCase, code);
  });
  return found && !other;
}

}  // namespace millrace::jinja

#include "text/utf8.h"

#include <cstdint>

#include "base/check.h"

namespace millrace {
namespace {

// What may follow a lead byte: how many bytes, and the range of the first of them. The others are
// in [0x80, 0xBF]. The narrow ranges keep out overlong forms, surrogates and what lies beyond
// U+10FFFF.
struct Continuation {
  std::size_t count;
  std::uint8_t first_min;
  std::uint8_t first_max;
};

Continuation ContinuationOf(std::uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {3, 0x80, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Sequence FirstUtf8Sequence(std::string_view text) {
  MILLRACE_CHECK(!text.empty());
  const auto lead = static_cast<std::uint8_t>(text[0]);
  if (lead < 0x80) return {Utf8Form::kWellFormed, 1, lead};
  const Continuation continuation = ContinuationOf(lead);
  if (continuation.count == 0) return {Utf8Form::kIllFormed, 1, 0xFFFD};

  char32_t code_point = lead & (0x3Fu >> continuation.count);
  for (std::size_t i = 1; i <= continuation.count; ++i) {
    if (i == text.size()) return {Utf8Form::kTruncated, i, 0xFFFD};
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const std::uint8_t min = i == 1 ? continuation.first_min : 0x80;
    const std::uint8_t max = i == 1 ? continuation.first_max : 0xBF;
    if (byte < min || byte > max) return {Utf8Form::kIllFormed, i, 0xFFFD};
    code_point = (code_point << 6) | (byte & 0x3Fu);
  }
  return {Utf8Form::kWellFormed, continuation.count + 1, code_point};
}

bool IsWellFormedUtf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Sequence sequence = FirstUtf8Sequence(text);
    if (sequence.form != Utf8Form::kWellFormed) return false;
    text.remove_prefix(sequence.bytes);
  }
  return true;
}

std::string EncodeUtf8(char32_t code_point) {
  MILLRACE_CHECK(code_point < 0x110000 && (code_point < 0xD800 || code_point > 0xDFFF));
  const auto tail = [&](int shift) {
    return static_cast<char>(0x80u | ((code_point >> shift) & 0x3Fu));
  };
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  if (code_point < 0x800) return {static_cast<char>(0xC0u | (code_point >> 6)), tail(0)};
  if (code_point < 0x10000) {
    return {static_cast<char>(0xE0u | (code_point >> 12)), tail(6), tail(0)};
  }
  return {static_cast<char>(0xF0u | (code_point >> 18)), tail(12), tail(6), tail(0)};
}

std::string ReplaceIllFormedBytes(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Utf8Sequence sequence = FirstUtf8Sequence(text);
    if (sequence.form == Utf8Form::kWellFormed) {
      result += text.substr(0, sequence.bytes);
      text.remove_prefix(sequence.bytes);
    } else {
      result += kReplacementCharacter;
      text.remove_prefix(1);
    }
  }
  return result;
}

std::string Utf8Stream::Push(std::string_view bytes) {
  pending_ += bytes;
  std::string result;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const Utf8Sequence sequence = FirstUtf8Sequence(rest);
    if (sequence.form == Utf8Form::kTruncated) break;
    result += sequence.form == Utf8Form::kWellFormed ? rest.substr(0, sequence.bytes)
                                                     : kReplacementCharacter;
    rest.remove_prefix(sequence.bytes);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return result;
}

std::string Utf8Stream::Flush() {
  const bool unfinished = !pending_.empty();
  pending_.clear();
  return unfinished ? std::string(kReplacementCharacter) : std::string();
}

}  // namespace millrace

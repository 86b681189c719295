// A line of the text form, taken apart from the left. It knows its column for messages.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::isa {

class TextCursor {
 public:
  explicit TextCursor(std::string_view line) : line_(line) { SkipBlanks(); }

  bool AtEnd() const { return at_ == line_.size(); }
  std::size_t column() const { return at_ + 1; }

  // Takes `mark` if it comes next.
  bool Take(std::string_view mark) {
    if (!line_.substr(at_).starts_with(mark)) return false;
    Consume(mark.size());
    return true;
  }
  Result<void> Expect(std::string_view mark) {
    if (!Take(mark)) return Unexpected(fmt::format("'{}'", mark));
    return {};
  }
  Result<void> ExpectEnd() {
    if (!AtEnd()) return Unexpected("the end of the line");
    return {};
  }

  // Letters, digits and underscores; empty if none comes next.
  std::string_view Word() {
    std::size_t end = at_;
    while (end < line_.size() && IsWordCharacter(line_[end])) ++end;
    const std::string_view word = line_.substr(at_, end - at_);
    Consume(word.size());
    return word;
  }

  template <typename Number>
  Result<Number> ParseNumber() {
    Number number{};
    const char* end = line_.data() + line_.size();
    const auto [stop, code] = std::from_chars(line_.data() + at_, end, number);
    if (code == std::errc::result_out_of_range) return Unexpected("a number that fits the field");
    if (code != std::errc()) return Unexpected("a number");
    Consume(static_cast<std::size_t>(stop - (line_.data() + at_)));
    return number;
  }

  // The next character as it is, blanks too; the caller has seen that there is one.
  char TakeRaw() { return line_[at_++]; }
  void SkipBlanks() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r'))
      ++at_;
  }

  Error Unexpected(std::string_view wanted) const {
    if (AtEnd()) return Invalid("the line ends, wanted {}", wanted);
    std::string_view rest = line_.substr(at_, 40);
    return Invalid("found '{}', wanted {}", rest, wanted);
  }

 private:
  static bool IsWordCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  void Consume(std::size_t characters) {
    at_ += characters;
    SkipBlanks();
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

}  // namespace millrace::isa

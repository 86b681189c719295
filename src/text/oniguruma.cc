#include "text/oniguruma.h"

#include <cstddef>
#include <vector>

namespace millrace {
namespace {

constexpr std::size_t kMaxBytes = 65536;
constexpr int kMaxDepth = 50;

// What stands inside brackets for Oniguruma's classes. White_Space is written out because PCRE2's
// \s has a member, U+180E, that is none.
constexpr std::string_view kSpace =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kDigit = R"(\p{Nd})";
constexpr std::string_view kWord = R"(\p{L}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kHex = "0-9A-Fa-f";

// The members of the class of this letter, whatever its case; empty for a letter without a class.
std::string_view MembersOf(char letter) {
  switch (letter) {
    case 's':
    case 'S':
      return kSpace;
    case 'd':
    case 'D':
      return kDigit;
    case 'w':
    case 'W':
      return kWord;
    case 'h':
    case 'H':
      return kHex;
  }
  return {};
}

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLetter(char c) { return IsUpper(c) || (c >= 'a' && c <= 'z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> Run() {
    if (pattern_.size() > kMaxBytes) {
      return Unsupported("regular expression of {} bytes, at most {} are read", pattern_.size(),
                         kMaxBytes);
    }
    while (at_ < pattern_.size()) MILLRACE_TRY_VOID(Element());
    return std::move(output_);
  }

 private:
  bool Sees(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  Error Refuse(std::string_view what) const {
    return Unsupported("regular expression '{}': {} at byte {}", pattern_, what, at_);
  }

  // One character, escape, set, parenthesis or quantifier.
  Result<void> Element() {
    switch (pattern_[at_]) {
      case '\\': {
        atom_ = output_.size();
        MILLRACE_TRY(const std::string atom, Escape(/*in_set=*/false));
        output_ += atom;
        return {};
      }
      case '[': {
        atom_ = output_.size();
        MILLRACE_TRY(const std::string set, Set(0));
        output_ += set;
        return {};
      }
      case '(':
        return Open();
      case ')':
        Close();
        return {};
      case '{':
        if (const std::size_t bytes = BracesHere(); bytes > 0) {
          Repeat(bytes);
          return {};
        }
        output_ += '\\';
        break;
      case '*':
      case '+':
      case '?':
      case '|':
        output_ += pattern_[at_++];
        return {};
    }
    atom_ = output_.size() - (pattern_[at_] == '{' ? 1 : 0);
    output_ += pattern_[at_++];
    // The whole character is the atom.
    while (at_ < pattern_.size() && (static_cast<unsigned char>(pattern_[at_]) & 0xC0) == 0x80) {
      output_ += pattern_[at_++];
    }
    return {};
  }

  // The length of a quantifier {n}, {n,}, {,m} or {n,m} here; 0 if the brace is text.
  std::size_t BracesHere() const {
    std::size_t i = at_ + 1;
    std::size_t digits = 0;
    for (; i < pattern_.size() && (IsDigit(pattern_[i]) || pattern_[i] == ','); ++i) {
      if (IsDigit(pattern_[i])) ++digits;
    }
    if (digits == 0 || i == pattern_.size() || pattern_[i] != '}') return 0;
    return i + 1 - at_;
  }

  void Repeat(std::size_t bytes) {
    std::string_view braces = pattern_.substr(at_, bytes);
    at_ += bytes;
    if (braces.starts_with("{,")) {
      output_ += "{0";
      braces.remove_prefix(1);
    }
    output_ += braces;
    if (!Sees("+")) return;
    output_.insert(atom_, "(?:");
    output_ += ')';
  }

  // '(' with what belongs to it.
  Result<void> Open() {
    if (Sees("(*")) return Refuse("a verb");
    open_.push_back(output_.size());
    if (!Sees("(?")) {
      output_ += '(';
      ++at_;
      return {};
    }
    for (const std::string_view plain : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?<"}) {
      if (!Sees(plain)) continue;
      output_ += plain;
      at_ += plain.size();
      return {};
    }
    std::size_t i = at_ + 2;
    std::string options = "(?";
    for (; i < pattern_.size() && (IsLetter(pattern_[i]) || pattern_[i] == '-'); ++i) {
      const char c = pattern_[i];
      if (c != 'i' && c != 'm' && c != 'x' && c != '-')
        return Refuse("an option that is not known");
      options += c == 'm' ? 's' : c;
    }
    if (i == pattern_.size() || (pattern_[i] != ':' && pattern_[i] != ')') || i == at_ + 2) {
      return Refuse("a group that is not known");
    }
    output_ += options + pattern_[i];
    if (pattern_[i] == ')') open_.pop_back();
    at_ = i + 1;
    return {};
  }

  void Close() {
    atom_ = output_.size();
    if (!open_.empty()) {
      atom_ = open_.back();
      open_.pop_back();
    }
    output_ += ')';
    ++at_;
  }

  // The escape here. In a set: what to put between brackets, or a set of its own (which begins with
  // '[') where the class is a complement.
  Result<std::string> Escape(bool in_set) {
    if (at_ + 1 == pattern_.size()) return Refuse("a backslash at the end");
    const char c = pattern_[at_ + 1];
    if (const std::string_view members = MembersOf(c); !members.empty()) {
      at_ += 2;
      if (IsUpper(c)) return "[^" + std::string(members) + "]";
      return in_set ? std::string(members) : "[" + std::string(members) + "]";
    }
    switch (c) {
      case 'u':
        return CodePoint();
      case 'v':
        at_ += 2;
        return std::string("\\x0B");
      case 'p':
      case 'P':
      case 'x':
        return WithBraces();
    }
    static constexpr std::string_view kSame = "tnrfae0123456789";
    static constexpr std::string_view kSamePlaces = "bBAzZGkX";
    const bool is_known = !IsLetter(c) || kSame.find(c) != std::string_view::npos ||
                          (!in_set && kSamePlaces.find(c) != std::string_view::npos) ||
                          (in_set && c == 'b');
    if (!is_known) return Refuse("an escape that is not known");
    const std::string escape(pattern_.substr(at_, 2));
    at_ += 2;
    if (static_cast<unsigned char>(c) < 0x80) return escape;
    return std::string(1, c);  // the first byte of a character that needs no escape
  }

  // \uFFFF
  Result<std::string> CodePoint() {
    const std::string_view digits = pattern_.substr(at_ + 2, 4);
    if (digits.size() < 4) return Refuse("\\u without four digits");
    for (const char digit : digits) {
      if (!IsHexDigit(digit)) return Refuse("\\u without four digits");
    }
    at_ += 6;
    return "\\x{" + std::string(digits) + "}";
  }

  // \p{...}, \P{...}, \x{...} and \xFF, which are the same.
  Result<std::string> WithBraces() {
    std::size_t end = at_ + 2;
    if (end < pattern_.size() && pattern_[end] == '{') {
      end = pattern_.find('}', end);
      if (end == std::string_view::npos) return Refuse("a brace that is not closed");
      ++end;
    }
    const std::string escape(pattern_.substr(at_, end - at_));
    at_ = end;
    return escape;
  }

  // A set as an expression for exactly one character.
  Result<std::string> Set(int depth) {
    if (depth == kMaxDepth) return Refuse("sets too deep in each other");
    ++at_;
    const bool is_complement = Sees("^");
    if (is_complement) ++at_;
    std::string condition;  // look-aheads for what was before each &&
    std::string members;
    std::string inner;  // sets within, as alternatives
    for (bool is_first = true;; is_first = false) {
      if (at_ >= pattern_.size()) return Refuse("a set that is not closed");
      if (Sees("]") && !is_first) break;
      if (Sees("]") || Sees("[:")) return Refuse("a POSIX class or an empty set");
      if (Sees("&&")) {
        condition += "(?=" + Union(members, inner) + ")";
        members.clear();
        inner.clear();
        at_ += 2;
      } else if (Sees("[")) {
        MILLRACE_TRY(const std::string set, Set(depth + 1));
        inner += (inner.empty() ? "" : "|") + set;
      } else if (Sees("\\")) {
        MILLRACE_TRY(const std::string escape, Escape(/*in_set=*/true));
        if (escape[0] == '[') {
          inner += (inner.empty() ? "" : "|") + escape;
        } else {
          members += escape;
        }
      } else {
        members += pattern_[at_++];
      }
    }
    ++at_;
    const bool is_plain = condition.empty() && inner.empty();
    if (is_plain) return (is_complement ? "[^" : "[") + members + "]";
    const std::string one = "(?:" + condition + Union(members, inner) + ")";
    return is_complement ? "(?:(?!" + one + ")(?s:.))" : one;
  }

  static std::string Union(const std::string& members, const std::string& inner) {
    if (inner.empty()) return members.empty() ? "(?!)" : "[" + members + "]";
    if (members.empty()) return "(?:" + inner + ")";
    return "(?:[" + members + "]|" + inner + ")";
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string output_;
  std::size_t atom_ = 0;           // where in output_ the last character, set or group begins
  std::vector<std::size_t> open_;  // where the open parentheses are in output_
};

}  // namespace

Result<std::string> TranslateOniguruma(std::string_view pattern) {
  return Translator(pattern).Run();
}

}  // namespace millrace

#include "jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/check.h"
#include "jinja/characters.h"
#include "jinja/numbers.h"

namespace millrace::jinja {
namespace {

constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string_view StripRight(std::string_view text) {
  while (!text.empty()) {
    const Character last = LastCharacter(text);
    if (!IsSpace(last.code)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

std::size_t CountSpace(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Character character = FirstCharacter(text.substr(at));
    if (!IsSpace(character.code)) break;
    at += character.bytes;
  }
  return at;
}

// The digits [at, ...) of `text`, in which single underscores may stand; the byte after them.
template <typename Test>
std::size_t EndOfDigits(std::string_view text, std::size_t at, const Test& is_digit) {
  while (at < text.size()) {
    if (is_digit(text[at])) {
      ++at;
    } else if (text[at] == '_' && at + 1 < text.size() && is_digit(text[at + 1])) {
      at += 2;
    } else {
      break;
    }
  }
  return at;
}

class Lexer {
 public:
  Lexer(std::string_view source, std::deque<std::string>& strings)
      : source_(source), strings_(strings) {}

  std::vector<Token> Run() {
    while (at_ < source_.size()) TakeData();
    tokens_.push_back({Token::Kind::kEnd, line_, {}});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return source_.substr(at_); }

  [[noreturn]] void FailHere(std::string message) const { throw SyntaxError{line_, message}; }

  void Advance(std::size_t bytes) {
    const auto taken = source_.substr(at_, bytes);
    line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
    at_ += bytes;
  }

  void Add(Token::Kind kind, std::string_view text = {}) { tokens_.push_back({kind, line_, text}); }

  // The next "{{", "{%" or "{#".
  std::size_t NextTag() const {
    std::size_t tag = source_.find('{', at_);
    while (tag != source_.npos && tag + 1 < source_.size()) {
      const char opener = source_[tag + 1];
      if (opener == '{' || opener == '%' || opener == '#') return tag;
      tag = source_.find('{', tag + 1);
    }
    return source_.npos;
  }

  // Text up to the next tag, then the tag.
  void TakeData() {
    const std::size_t tag = NextTag();
    if (tag == source_.npos) {
      Add(Token::Kind::kData, rest());
      Advance(source_.size() - at_);
      return;
    }
    const char opener = source_[tag + 1];
    char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (sign != '-' && sign != '+') sign = '\0';
    AddData(source_.substr(at_, tag - at_), sign, opener != '{');
    Advance(tag - at_);
    const int begin_line = line_;
    Advance(sign == '\0' ? 2 : 3);
    if (opener == '#') {
      SkipComment(begin_line);
    } else if (opener == '{') {
      Add(Token::Kind::kVariableBegin);
      TakeExpression(Token::Kind::kVariableEnd);
    } else if (const auto raw = RawBegin(); raw.has_value()) {
      Advance(*raw);
      TakeRaw(begin_line);
    } else {
      Add(Token::Kind::kBlockBegin);
      TakeExpression(Token::Kind::kBlockEnd);
    }
  }

  // The text before a tag with `sign`; `may_strip`: lstrip_blocks holds for the tag.
  void AddData(std::string_view text, char sign, bool may_strip) {
    if (sign == '-') {
      text = StripRight(text);
    } else if (sign == '\0' && may_strip) {
      const std::size_t line_end = text.rfind('\n');
      const std::size_t begin = line_end == text.npos ? 0 : line_end + 1;
      const bool at_line_begin = begin > 0 || at_ == 0 || source_[at_ - 1] == '\n';
      if (at_line_begin && CountSpace(text.substr(begin)) == text.size() - begin) {
        text = text.substr(0, begin);
      }
    }
    if (!text.empty()) Add(Token::Kind::kData, text);
  }

  // The bytes of the end of a tag with the whitespace it takes, if `closer` ("%}") stands here.
  // `trim`: a line end goes with it, unless the sign is +.
  std::optional<std::size_t> EndOfTag(std::string_view closer, bool trim) const {
    std::string_view text = rest();
    const char sign = text.empty() ? '\0' : text[0];
    if (sign == '-' && text.substr(1).starts_with(closer)) {
      return 1 + closer.size() + CountSpace(text.substr(1 + closer.size()));
    }
    if (sign == '+' && trim && text.substr(1).starts_with(closer)) return 1 + closer.size();
    if (!text.starts_with(closer)) return std::nullopt;
    const bool line_end = trim && text.substr(closer.size()).starts_with('\n');
    return closer.size() + (line_end ? 1 : 0);
  }

  void SkipComment(int begin_line) {
    for (; at_ < source_.size(); Advance(1)) {
      if (const auto end = EndOfTag("#}", true); end.has_value()) return Advance(*end);
    }
    line_ = begin_line;
    FailHere("found no end of the comment, wanted '#}'");
  }

  // The bytes to the end of "raw %}", if that stands here.
  std::optional<std::size_t> RawBegin() const {
    std::size_t at = CountSpace(rest());
    if (!rest().substr(at).starts_with("raw")) return std::nullopt;
    at += 3;
    at += CountSpace(rest().substr(at));
    const std::string_view end = rest().substr(at);
    if (end.starts_with("%}")) return at + 2;
    if (end.starts_with("-%}")) return at + 3 + CountSpace(end.substr(3));
    return std::nullopt;
  }

  void TakeRaw(int begin_line) {
    const std::size_t begin = at_;
    for (std::size_t tag = source_.find("{%", begin); tag != source_.npos;
         tag = source_.find("{%", tag + 1)) {
      std::size_t at = tag + 2;
      char sign = at < source_.size() ? source_[at] : '\0';
      if (sign == '-' || sign == '+') {
        ++at;
      } else {
        sign = '\0';
      }
      at += CountSpace(source_.substr(at));
      if (!source_.substr(at).starts_with("endraw")) continue;
      at += 6;
      at += CountSpace(source_.substr(at));
      const std::size_t text_begin = at_;
      at_ = at;  // where EndOfTag looks
      const auto end = EndOfTag("%}", true);
      at_ = text_begin;
      if (!end.has_value()) continue;
      AddData(source_.substr(begin, tag - begin), sign, true);
      return Advance(at + *end - at_);
    }
    line_ = begin_line;
    FailHere("found no end of the raw block, wanted '{% endraw %}'");
  }

  // Tokens up to the end of the tag.
  void TakeExpression(Token::Kind end_kind) {
    const bool is_block = end_kind == Token::Kind::kBlockEnd;
    const int begin_line = line_;
    std::string open;  // brackets
    while (true) {
      Advance(CountSpace(rest()));
      if (at_ >= source_.size()) {
        line_ = begin_line;
        FailHere(fmt::format("found no end of the tag, wanted '{}'", is_block ? "%}" : "}}"));
      }
      if (open.empty()) {
        if (const auto end = EndOfTag(is_block ? "%}" : "}}", is_block); end.has_value()) {
          Add(end_kind);
          return Advance(*end);
        }
      }
      TakeToken(open);
    }
  }

  void TakeToken(std::string& open) {
    const char c = source_[at_];
    if (IsDigit(c)) return TakeNumber();
    if (BeginsName(c)) return TakeName();
    if (c == '\'' || c == '"') return TakeString();
    for (const std::string_view text : kOperators) {
      if (!rest().starts_with(text)) continue;
      Balance(text, open);
      Add(Token::Kind::kOperator, source_.substr(at_, text.size()));
      return Advance(text.size());
    }
    FailHere(fmt::format("found {}, wanted an expression", Quoted(FirstCharacter(rest()))));
  }

  std::string Quoted(const Character& character) const {
    if (!IsPrintable(character.code)) {
      return fmt::format("byte {:#04x}", static_cast<unsigned char>(source_[at_]));
    }
    return fmt::format("'{}'", source_.substr(at_, character.bytes));
  }

  void Balance(std::string_view text, std::string& open) const {
    if (text == "(") open += ')';
    if (text == "[") open += ']';
    if (text == "{") open += '}';
    if (text != ")" && text != "]" && text != "}") return;
    if (open.empty()) FailHere(fmt::format("found '{}' that closes nothing", text));
    if (open.back() != text[0]) FailHere(fmt::format("found '{}', wanted '{}'", text, open.back()));
    open.pop_back();
  }

  void TakeName() {
    std::size_t size = 0;
    while (size < rest().size() && (BeginsName(rest()[size]) || IsDigit(rest()[size]))) ++size;
    Add(Token::Kind::kName, rest().substr(0, size));
    Advance(size);
  }

  // Whether the number here may have a fraction: not after a dot, where it is an index (a.1.2).
  bool MayBeFloat() const { return at_ == 0 || source_[at_ - 1] != '.'; }

  void TakeNumber() {
    const std::string_view text = rest();
    std::size_t end = EndOfDigits(text, 0, IsDigit);
    bool is_float = false;
    if (MayBeFloat()) {
      if (end + 1 < text.size() && text[end] == '.' && IsDigit(text[end + 1])) {
        is_float = true;
        end = EndOfDigits(text, end + 1, IsDigit);
      }
      std::size_t exponent = end + 1;
      if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
      if (end < text.size() && (text[end] == 'e' || text[end] == 'E') && exponent < text.size() &&
          IsDigit(text[exponent])) {
        is_float = true;
        end = EndOfDigits(text, exponent, IsDigit);
      }
    }
    if (is_float) {
      AddFloat(text.substr(0, end));
    } else {
      end = AddInteger(text, end);
    }
    Advance(end);
  }

  static std::string WithoutUnderscores(std::string_view text) {
    std::string digits;
    std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
                 [](char c) { return c != '_'; });
    return digits;
  }

  void AddFloat(std::string_view text) {
    const std::string digits = WithoutUnderscores(text);
    Token token{Token::Kind::kFloat, line_, text};
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), token.real);
    if (read.ec != std::errc()) token.real = OutOfRange(digits);
    tokens_.push_back(token);
  }

  // The bytes it took of `text`; its decimal digits are [0, decimal_end).
  std::size_t AddInteger(std::string_view text, std::size_t decimal_end) {
    const auto is_base = [](int base) {
      return [base](char c) {
        const int digit = IsDigit(c) ? c - '0' : (c | 0x20) >= 'a' ? (c | 0x20) - 'a' + 10 : 99;
        return digit < base;
      };
    };
    int base = 10;
    std::size_t begin = 0, end = decimal_end;
    if (text[0] == '0' && text.size() > 2) {
      const char letter = static_cast<char>(text[1] | 0x20);
      const int wanted = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
      if (wanted != 10 && is_base(wanted)(text[2])) {
        base = wanted;
        begin = 2;
        end = EndOfDigits(text, 2, is_base(wanted));
      }
    }
    const std::string digits = WithoutUnderscores(text.substr(begin, end - begin));
    Token token{Token::Kind::kInteger, line_, text.substr(0, end)};
    const auto read =
        std::from_chars(digits.data(), digits.data() + digits.size(), token.integer, base);
    if (read.ec != std::errc()) {
      FailHere(fmt::format("integer {} does not fit in 64 bits", text.substr(0, end)));
    }
    tokens_.push_back(token);
    return end;
  }

  void TakeString() {
    const char quote = source_[at_];
    std::size_t end = at_ + 1;
    bool has_escape = false;
    while (end < source_.size() && source_[end] != quote) {
      has_escape = has_escape || source_[end] == '\\';
      end += source_[end] == '\\' ? 2 : 1;
    }
    if (end >= source_.size()) FailHere("found no end of the string");
    std::string_view text = source_.substr(at_ + 1, end - at_ - 1);
    if (has_escape) text = strings_.emplace_back(Unescape(text));
    Add(Token::Kind::kString, text);
    Advance(end + 1 - at_);
  }

  std::string Unescape(std::string_view text) const {
    std::string result;
    while (!text.empty()) {
      if (text[0] != '\\') {
        result += text[0];
        text.remove_prefix(1);
      } else {
        text.remove_prefix(1 + UnescapeOne(text.substr(1), result));
      }
    }
    return result;
  }

  // What follows a backslash; returns the bytes it has. An unknown escape stays, backslash and all.
  std::size_t UnescapeOne(std::string_view text, std::string& result) const {
    constexpr std::string_view kLetters = "abfnrtv\\'\"\n";
    constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\'\"";
    const char c = text[0];
    if (c == '\n') return 1;  // the line goes on
    if (const auto letter = kLetters.find(c); letter != kLetters.npos) {
      result += kValues[letter];
      return 1;
    }
    if (c >= '0' && c <= '7') {
      std::size_t size = 0;
      char32_t code = 0;
      for (; size < 3 && size < text.size() && text[size] >= '0' && text[size] <= '7'; ++size) {
        code = code * 8 + static_cast<char32_t>(text[size] - '0');
      }
      AppendCharacter(result, code);
      return size;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) return UnescapeHex(text, digits, result);
    if (c == 'N') FailHere("\\N{NAME} in a string is not supported");
    result += '\\';
    return 0;
  }

  std::size_t UnescapeHex(std::string_view text, std::size_t digits, std::string& result) const {
    auto code = Hex(text, digits);
    std::size_t size = 1 + digits;
    if (code.has_value() && *code >= 0xD800 && *code < 0xDC00 &&
        text.substr(size).starts_with("\\u")) {
      const auto low = Hex(text.substr(size + 1), 4);
      if (low.has_value() && *low >= 0xDC00 && *low < 0xE000) {
        code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
        size += 6;
      }
    }
    if (!code.has_value() || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
      FailHere(fmt::format("found the escape \\{} without {} digits of a character in a string",
                           text[0], digits));
    }
    AppendCharacter(result, *code);
    return size;
  }

  // The `digits` hexadecimal digits after text[0].
  static std::optional<char32_t> Hex(std::string_view text, std::size_t digits) {
    if (text.size() < 1 + digits) return std::nullopt;
    std::uint32_t code = 0;
    const char* end = text.data() + 1 + digits;
    const auto read = std::from_chars(text.data() + 1, end, code, 16);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return code;
  }

  std::string_view source_;
  std::deque<std::string>& strings_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::string Describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kData:
      return "text";
    case Token::Kind::kVariableBegin:
      return "'{{'";
    case Token::Kind::kVariableEnd:
      return "'}}'";
    case Token::Kind::kBlockBegin:
      return "'{%'";
    case Token::Kind::kBlockEnd:
      return "'%}'";
    case Token::Kind::kString:
      return "a string";
    case Token::Kind::kName:
    case Token::Kind::kInteger:
    case Token::Kind::kFloat:
    case Token::Kind::kOperator:
      return fmt::format("'{}'", token.text.substr(0, 60));
    case Token::Kind::kEnd:
      return "the end of the template";
  }
  MILLRACE_CHECK(false);
  return {};
}

std::string NormalizeLines(std::string_view source) {
  std::string lines;
  lines.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      lines += '\n';
      if (source.substr(i + 1).starts_with('\n')) ++i;
    } else {
      lines += source[i];
    }
  }
  if (lines.ends_with('\n')) lines.pop_back();
  return lines;
}

std::vector<Token> Tokenize(std::string_view source, std::deque<std::string>& strings) {
  return Lexer(source, strings).Run();
}

}  // namespace millrace::jinja

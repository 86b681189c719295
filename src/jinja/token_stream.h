// The tokens of a template one after another, and what a parser asks of them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/lexer.h"

namespace millrace::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  int line() const { return current().line; }

  bool Is(Token::Kind kind) const { return current().kind == kind; }
  bool IsOperator(std::string_view text) const { return IsOperator(current(), text); }
  bool IsName(std::string_view text) const {
    return current().kind == Token::Kind::kName && current().text == text;
  }
  static bool IsOperator(const Token& token, std::string_view text) {
    return token.kind == Token::Kind::kOperator && token.text == text;
  }

  // The current token, which is then behind. The end stays.
  Token Take() {
    const Token token = current();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool SkipOperator(std::string_view text) {
    const bool is = IsOperator(text);
    if (is) Take();
    return is;
  }
  bool SkipName(std::string_view text) {
    const bool is = IsName(text);
    if (is) Take();
    return is;
  }

  void ExpectOperator(std::string_view text) {
    if (!SkipOperator(text)) Fail(fmt::format("found {}, wanted '{}'", Describe(current()), text));
  }
  void ExpectName(std::string_view text) {
    if (!SkipName(text)) Fail(fmt::format("found {}, wanted '{}'", Describe(current()), text));
  }
  Token Expect(Token::Kind kind, std::string_view what) {
    if (!Is(kind)) Fail(fmt::format("found {}, wanted {}", Describe(current()), what));
    return Take();
  }

  [[noreturn]] void Fail(std::string message) const { throw SyntaxError{line(), message}; }

  // Bounds how deeply constructs nest: call it at the entry of whatever recurses.
  class Nesting {
   public:
    explicit Nesting(TokenStream& stream) : stream_(stream) {
      if (++stream_.nesting_ > kDeepest) {
        stream_.Fail(fmt::format("expressions and blocks nest deeper than {}", kDeepest));
      }
    }
    ~Nesting() { --stream_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    static constexpr int kDeepest = 150;
    TokenStream& stream_;
  };

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace millrace::jinja

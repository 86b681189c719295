#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "text/utf8.h"

namespace millrace {
namespace {

// Backtracking steps of one search. A run of a million spaces, tried at its end once for each, is
// within it.
constexpr std::uint32_t kStepsOfFileExpressions = 10'000'000;
// Brackets within brackets; PCRE2's own bound is 250.
constexpr std::uint32_t kParenthesesDepth = 100;

struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }
void RegexSearch::FreeMatchData::operator()(pcre2_real_match_data_8* data) const {
  pcre2_match_data_free(data);
}
void RegexSearch::FreeMatchContext::operator()(pcre2_real_match_context_8* context) const {
  pcre2_match_context_free(context);
}

Result<Regex> Regex::Compile(std::string_view pattern, Origin origin) {
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  MILLRACE_CHECK(context != nullptr);
  pcre2_set_parens_nest_limit(context.get(), kParenthesesDepth);
  std::uint32_t options = PCRE2_UTF;
  if (origin == Origin::kOurs) {
    options |= PCRE2_DOLLAR_ENDONLY;
  } else {
    options |= PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  }
  int error = 0;
  PCRE2_SIZE where = 0;
  Regex regex;
  regex.origin_ = origin;
  regex.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                  options, &error, &where, context.get()));
  if (regex.code_ == nullptr) {
    std::array<PCRE2_UCHAR, 200> reason{};
    (void)pcre2_get_error_message(error, reason.data(), reason.size());
    return Unsupported("regular expression '{}': {} at byte {}", pattern,
                       reinterpret_cast<const char*>(reason.data()), where);
  }
  // Fails where the machine has no JIT or forbids it; matching then interprets, with the same
  // result.
  (void)pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE);
  return regex;
}

RegexSearch::RegexSearch(const Regex& regex)
    : regex_(&regex),
      data_(pcre2_match_data_create_from_pattern(regex.code_.get(), nullptr)),
      context_(pcre2_match_context_create(nullptr)) {
  MILLRACE_CHECK(data_ != nullptr && context_ != nullptr);
  const bool is_ours = regex.origin_ == Regex::Origin::kOurs;
  pcre2_set_match_limit(context_.get(), is_ours ? UINT32_MAX : kStepsOfFileExpressions);
}

int RegexSearch::Match(std::string_view text, std::size_t from, unsigned options) {
  return pcre2_match(regex_->code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                     from, options, data_.get(), context_.get());
}

std::optional<Regex::Match> RegexSearch::Find(std::string_view text, std::size_t from) {
  if (gave_up_) return std::nullopt;
  // Without NO_UTF_CHECK every call would check the whole text again.
  const std::uint32_t options = PCRE2_NO_UTF_CHECK;
  int result = Match(text, from, options);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = Match(text, from, options | PCRE2_NO_JIT);
  if (result < 0) {
    gave_up_ = result != PCRE2_ERROR_NOMATCH;
    MILLRACE_CHECK(!gave_up_ || regex_->origin_ == Regex::Origin::kFile);
    return std::nullopt;
  }
  const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data_.get());
  // \K in a look-ahead can set the beginning behind the end, or before `from`.
  if (bounds[0] < from || bounds[1] < bounds[0]) {
    MILLRACE_CHECK(regex_->origin_ == Regex::Origin::kFile);
    gave_up_ = true;
    return std::nullopt;
  }
  return Regex::Match{bounds[0], bounds[1]};
}

std::optional<Regex::Match> RegexSearch::FindNext(std::string_view text, std::size_t from,
                                                  bool after_match) {
  std::optional<Regex::Match> match = Find(text, from);
  if (!match.has_value() || match->end != match->begin) return match;
  if (!after_match || match->begin != from) return match;
  if (from >= text.size()) return std::nullopt;
  return Find(text, from + FirstUtf8Sequence(text.substr(from)).bytes);
}

}  // namespace millrace

// Regular expressions over UTF-8, with a bound on the work: a thin layer over PCRE2, so that nobody
// else sees its macros.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

struct pcre2_real_code_8;  // pcre2.h defines macros that nobody else should see
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace millrace {

class Regex {
 public:
  enum class Origin {
    // Written here, known to take linear time: no limit but the text. '$' is the end of the text.
    kOurs,
    // From a file. '^' and '$' are those of a line; a search that takes more than some ten million
    // steps is given up.
    kFile,
  };

  // `pattern` in PCRE2's syntax, without UCP. kUnsupported with PCRE2's reason.
  static Result<Regex> Compile(std::string_view pattern, Origin origin);

  struct Match {
    std::size_t begin;
    std::size_t end;  // == begin for an empty match
  };

 private:
  friend class RegexSearch;
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };

  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  Origin origin_ = Origin::kOurs;
};

// Searches with one expression, one text after another. Holds what PCRE2 writes to, so it belongs
// to one thread.
class RegexSearch {
 public:
  // `regex` must outlive this object.
  explicit RegexSearch(const Regex& regex);

  // The leftmost match in `text`, which must be well-formed UTF-8, that begins at or after `from`.
  // Look-behind sees what is before `from`. Nothing also after a search was given up once.
  std::optional<Regex::Match> Find(std::string_view text, std::size_t from);

  // The next match as a loop over all of them wants it: not an empty one at `from` if `after_match`
  // says that a match ended there.
  std::optional<Regex::Match> FindNext(std::string_view text, std::size_t from, bool after_match);

 private:
  struct FreeMatchData {
    void operator()(pcre2_real_match_data_8* data) const;
  };
  struct FreeMatchContext {
    void operator()(pcre2_real_match_context_8* context) const;
  };

  int Match(std::string_view text, std::size_t from, unsigned options);

  const Regex* regex_;
  std::unique_ptr<pcre2_real_match_data_8, FreeMatchData> data_;
  std::unique_ptr<pcre2_real_match_context_8, FreeMatchContext> context_;
  bool gave_up_ = false;
};

}  // namespace millrace

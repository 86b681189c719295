// How a tokenizer.json has its texts cut into words: the "pre_tokenizer" of the file, a list of
// steps that each cut and rewrite every word that the ones before left.
//
// What GGUF files name is a PreTokenizer (text/pre_tokenizer.h); a vocabulary has either.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace millrace {

// What becomes of the matches of a cut.
enum class CutBehavior {
  kRemoved,             // they go
  kIsolated,            // words of their own
  kMergedWithPrevious,  // the end of the word before
  kMergedWithNext,      // the beginning of the word behind
  kContiguous,          // neighbours become one word
};

// At every occurrence of `pattern`; with `invert` what lies between counts as the match.
struct CutAtPattern {
  std::string pattern;
  bool is_expression = false;  // in Oniguruma's language
  CutBehavior behavior = CutBehavior::kIsolated;
  bool invert = false;
};
// At every character of a class.
struct CutAtClass {
  enum class Class { kSpace, kNumber, kPunctuation };
  Class of = Class::kSpace;
  CutBehavior behavior = CutBehavior::kRemoved;
};
// Byte-level BPE: perhaps a space in front, perhaps cut as GPT-2 does, and every byte written as
// its letter (text/byte_alphabet.h).
struct SpellInAlphabet {
  bool add_space = false;
  bool cut = true;
  bool spell = true;  // if not, the bytes stay: for a model that knows them as such
};
// Spaces become `mark`, which is also put in front of words that lack it.
struct MarkSpaces {
  enum class Prepend { kNever, kAlways, kAtStart };  // kAtStart: in front of the whole text only
  std::string mark = "\xE2\x96\x81";
  Prepend prepend = Prepend::kAlways;
  bool cut = true;  // before every mark
};

using CutStep = std::variant<CutAtPattern, CutAtClass, SpellInAlphabet, MarkSpaces>;

// Words with what they are views of.
struct CutWords {
  std::vector<std::string_view> words;  // not empty ones
  std::deque<std::string> rewritten;
};

// Immutable: any number of threads may use one.
class WordCutter {
 public:
  // kUnsupported for an expression that is no valid one, kInvalid for an empty mark.
  static Result<WordCutter> Build(const std::vector<CutStep>& steps);

  // `text`, well-formed UTF-8, in words: views of `text` or of what comes with them.
  // `is_start`: whether nothing is in front of it. An expression that takes too long
  // (text/regex.h) finds nothing from there on.
  CutWords Cut(std::string_view text, bool is_start) const;

 private:
  struct Step;
  std::vector<std::shared_ptr<const Step>> steps_;
};

}  // namespace millrace

// What happens to a text before it is cut into words: a list of steps, each a function from text to
// text.
//
// The steps are those that tokenizer.json and SentencePiece models name. A GGUF file has none, but
// for "bert" and "t5".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "text/unicode.h"

namespace millrace {

struct ToNormalForm {
  NormalForm form = NormalForm::kNfc;
};
struct ToLowercase {};
struct DropMarks {
  Marks marks = Marks::kAll;
};
// In front of every text that is not empty.
struct PrependText {
  std::string text;
};
// Every occurrence of `pattern` (Oniguruma's language if it is an expression) becomes `content` as
// it is.
struct ReplaceText {
  std::string pattern;
  bool is_expression = false;
  std::string content;
};
// The bytes of a precompiled charsmap (text/charsmap.h).
struct ApplyCharsmap {
  std::string charsmap;
};
// White space at the ends.
struct StripSpace {
  bool left = true;
  bool right = true;
};
// SentencePiece's remove_extra_whitespaces: spaces (U+0020) at the ends go, a run within becomes
// one.
struct MergeSpaces {};
// SentencePiece's nmt rules: control characters go, unusual spaces become U+0020.
struct CleanForTranslation {};
// BertNormalizer, in the order of the fields. llama.cpp does two things in its own way: controls
// that are white space (U+000C, U+0085) become spaces and do not go, and of a character without its
// accents only the first of the decomposition stays (FirstOfDecompositions()), and no mark at all.
struct CleanForWordPiece {
  bool clean = true;         // controls and U+FFFD go, white space becomes U+0020
  bool isolate_han = true;   // a space on each side of every Chinese character
  bool drop_accents = true;  // decompose (NFD), drop nonspacing marks
  bool lowercase = true;
  bool like_llama_cpp = false;
};

using NormalizerStep =
    std::variant<ToNormalForm, ToLowercase, DropMarks, PrependText, ReplaceText, ApplyCharsmap,
                 StripSpace, MergeSpaces, CleanForTranslation, CleanForWordPiece>;

// Immutable: any number of threads may use one.
class Normalizer {
 public:
  // kUnsupported for an expression that is no valid one, kInvalid for a damaged charsmap, or a
  // replacement of nothing.
  static Result<Normalizer> Build(const std::vector<NormalizerStep>& steps);

  bool empty() const { return steps_.empty(); }

  // Which ends of a text a fragment of it has.
  struct Ends {
    bool has_begin = true;
    bool has_end = true;
  };
  // `text`, well-formed UTF-8, after all steps. An expression of a file that takes too long
  // (text/regex.h) finds nothing from there on, and no step follows one that made the text 64 times
  // as long.
  std::string Apply(std::string_view text) const { return Apply(text, Ends()); }
  std::string Apply(std::string_view text, Ends ends) const;

 private:
  struct Step;
  std::vector<std::shared_ptr<const Step>> steps_;
};

}  // namespace millrace

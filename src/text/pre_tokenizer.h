// How text is cut into words before byte-level BPE merges bytes within each word.
//
// A pre-tokenizer is a list of regular expressions. Each is applied to every piece that the ones
// before left: its matches become pieces of their own, and so does what lies between them. Nothing
// is lost or changed, the words side by side are the text. Look-ahead and $ see no further than the
// piece that is being cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/regex.h"

namespace millrace {

class PreTokenizer {
 public:
  // `name` as tokenizer.ggml.pre of a GGUF file has it; empty means "default". kUnsupported for a
  // name not in Names().
  static Result<PreTokenizer> Build(std::string_view name);

  // Every name that Build() takes, in alphabetical order.
  static std::vector<std::string_view> Names();

  // `text`, which must be well-formed UTF-8, cut into words that are not empty. The views are of
  // `text`.
  std::vector<std::string_view> Split(std::string_view text) const;

  // Whether a word that is a piece of the vocabulary becomes that token, even if the merges would
  // not build it.
  bool keeps_whole_words() const { return keeps_whole_words_; }
  // Whether models with this pre-tokenizer expect bos in front unless they say otherwise.
  bool adds_bos() const { return adds_bos_; }

 private:
  PreTokenizer() = default;

  std::vector<Regex> expressions_;
  bool keeps_whole_words_ = false;
  bool adds_bos_ = false;
};

}  // namespace millrace

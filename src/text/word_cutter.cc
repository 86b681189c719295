#include "text/word_cutter.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/oniguruma.h"
#include "text/pre_tokenizer.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace millrace {
namespace {

// A stretch of a word that is a match or lies between two.
struct Segment {
  std::size_t begin;
  std::size_t end;
  bool is_match;
};

// Matches, in order, and what lies between them. Empty matches cut, and are kept as such.
class Segments {
 public:
  explicit Segments(std::size_t size) : size_(size) {}

  void AddMatch(std::size_t begin, std::size_t end) {
    if (begin > done_) all_.push_back({done_, begin, false});
    all_.push_back({begin, end, true});
    done_ = end;
  }

  std::vector<Segment> Finish() {
    if (size_ > done_) all_.push_back({done_, size_, false});
    return std::move(all_);
  }

 private:
  std::size_t size_;
  std::size_t done_ = 0;
  std::vector<Segment> all_;
};

bool IsIn(CutAtClass::Class of, char32_t c) {
  switch (of) {
    case CutAtClass::Class::kSpace:
      return IsUnicodeSpace(c);
    case CutAtClass::Class::kNumber:
      return IsUnicodeNumber(c);
    case CutAtClass::Class::kPunctuation:
      return IsPunctuationOrAsciiSymbol(c);
  }
  return false;
}

std::vector<Segment> FindClass(std::string_view word, CutAtClass::Class of) {
  Segments segments(word.size());
  for (std::size_t i = 0; i < word.size();) {
    const Utf8Sequence sequence = FirstUtf8Sequence(word.substr(i));
    if (IsIn(of, sequence.code_point)) segments.AddMatch(i, i + sequence.bytes);
    i += sequence.bytes;
  }
  return segments.Finish();
}

std::vector<Segment> FindText(std::string_view word, std::string_view text) {
  Segments segments(word.size());
  for (std::size_t at = word.find(text); !text.empty() && at != std::string_view::npos;
       at = word.find(text, at + text.size())) {
    segments.AddMatch(at, at + text.size());
  }
  return segments.Finish();
}

std::vector<Segment> FindExpression(std::string_view word, RegexSearch& search) {
  Segments segments(word.size());
  std::size_t done = 0;
  bool after_match = false;
  while (const auto match = search.FindNext(word, done, after_match)) {
    segments.AddMatch(match->begin, match->end);
    done = match->end;
    after_match = true;
  }
  return segments.Finish();
}

// Joins each segment for which `joins(is_match, the other's is_match)` to the one before.
template <typename Joins>
std::vector<Segment> Join(const std::vector<Segment>& segments, Joins joins) {
  std::vector<Segment> joined;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i > 0 && joins(segments[i].is_match, segments[i - 1].is_match)) {
      joined.back().end = segments[i].end;
    } else {
      joined.push_back(segments[i]);
    }
  }
  return joined;
}

std::vector<Segment> Behave(std::vector<Segment> segments, CutBehavior behavior) {
  switch (behavior) {
    case CutBehavior::kIsolated:
      return segments;
    case CutBehavior::kRemoved:
      std::erase_if(segments, [](const Segment& segment) { return segment.is_match; });
      return segments;
    case CutBehavior::kMergedWithPrevious:
      return Join(segments, [](bool is_match, bool before) { return is_match && !before; });
    case CutBehavior::kMergedWithNext:
      return Join(segments, [](bool is_match, bool before) { return !is_match && before; });
    case CutBehavior::kContiguous:
      return Join(segments, [](bool is_match, bool before) { return is_match == before; });
  }
  return segments;
}

void AppendWords(std::string_view word, const std::vector<Segment>& segments,
                 std::vector<std::string_view>& words) {
  for (const Segment& segment : segments) {
    if (segment.end == segment.begin) continue;
    words.push_back(word.substr(segment.begin, segment.end - segment.begin));
  }
}

// Whether `word` is a part of `text`, but not its beginning.
bool LostItsBegin(std::string_view word, std::string_view text) {
  const std::less<const char*> less;
  return less(text.data(), word.data()) && less(word.data(), text.data() + text.size());
}

std::string Mark(std::string_view word, const MarkSpaces& step, bool is_start) {
  std::string marked;
  for (const char c : word) {
    if (c == ' ') {
      marked += step.mark;
    } else {
      marked += c;
    }
  }
  const bool wants_mark = step.prepend == MarkSpaces::Prepend::kAlways ||
                          (step.prepend == MarkSpaces::Prepend::kAtStart && is_start);
  if (wants_mark && !marked.starts_with(step.mark)) marked.insert(0, step.mark);
  return marked;
}

}  // namespace

// A step with what was compiled for it.
struct WordCutter::Step {
  CutStep what;
  std::optional<Regex> regex;
  std::optional<PreTokenizer> gpt2;

  Result<void> Compile() {
    if (const auto* const cut = std::get_if<CutAtPattern>(&what); cut != nullptr) {
      if (!cut->is_expression) return {};
      MILLRACE_TRY(const std::string pattern, TranslateOniguruma(cut->pattern));
      MILLRACE_TRY(regex, Regex::Compile(pattern, Regex::Origin::kFile));
    } else if (const auto* const spell = std::get_if<SpellInAlphabet>(&what); spell != nullptr) {
      if (!spell->cut) return {};
      MILLRACE_TRY(gpt2, PreTokenizer::Build("gpt-2"));
    } else if (const auto* const mark = std::get_if<MarkSpaces>(&what); mark != nullptr) {
      if (mark->mark.empty()) return Invalid("pre-tokenizer: an empty mark for spaces");
    }
    return {};
  }

  // Cuts one word after another with this step.
  struct Run {
    const Step& step;
    std::optional<RegexSearch> search;
    bool is_start;  // whether the next word begins the text
    std::string_view word = {};
    CutWords& result;

    void operator()(const CutAtPattern& cut) {
      std::vector<Segment> segments =
          search.has_value() ? FindExpression(word, *search) : FindText(word, cut.pattern);
      if (cut.invert) {
        for (Segment& segment : segments) segment.is_match = !segment.is_match;
      }
      AppendWords(word, Behave(std::move(segments), cut.behavior), result.words);
    }
    void operator()(const CutAtClass& cut) {
      AppendWords(word, Behave(FindClass(word, cut.of), cut.behavior), result.words);
    }
    void operator()(const SpellInAlphabet& spell) {
      std::string_view text = word;
      if (spell.add_space && !text.starts_with(' ')) {
        text = result.rewritten.emplace_back(" " + std::string(text));
      }
      std::vector<std::string_view> words = {text};
      if (step.gpt2.has_value()) words = step.gpt2->Split(text);
      for (const std::string_view one : words) {
        result.words.push_back(
            spell.spell ? std::string_view(result.rewritten.emplace_back(SpellBytes(one))) : one);
      }
    }
    void operator()(const MarkSpaces& mark) {
      const std::string_view text = result.rewritten.emplace_back(Mark(word, mark, is_start));
      if (!mark.cut) {
        result.words.push_back(text);
        return;
      }
      AppendWords(text, Behave(FindText(text, mark.mark), CutBehavior::kMergedWithNext),
                  result.words);
    }
  };
};

Result<WordCutter> WordCutter::Build(const std::vector<CutStep>& steps) {
  WordCutter cutter;
  for (const CutStep& what : steps) {
    auto step = std::make_shared<Step>();
    step->what = what;
    MILLRACE_TRY_VOID(step->Compile());
    cutter.steps_.push_back(std::move(step));
  }
  return cutter;
}

CutWords WordCutter::Cut(std::string_view text, bool is_start) const {
  CutWords result;
  if (!text.empty()) result.words.push_back(text);
  for (const auto& step : steps_) {
    const std::vector<std::string_view> words = std::exchange(result.words, {});
    result.words.reserve(words.size());
    std::optional<RegexSearch> search;
    if (step->regex.has_value()) search.emplace(*step->regex);
    Step::Run run{*step, std::move(search), false, {}, result};
    for (const std::string_view word : words) {
      run.word = word;
      run.is_start = is_start && word.data() == words.front().data() && !LostItsBegin(word, text);
      std::visit(run, step->what);
    }
  }
  return result;
}

}  // namespace millrace

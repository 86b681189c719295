#include "text/normalizer.h"

#include <cstddef>
#include <utility>

#include "text/charsmap.h"
#include "text/oniguruma.h"
#include "text/piece_table.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace millrace {
namespace {

// Honest steps make a text a few times longer. Those of a malicious file could double it at each.
constexpr std::size_t kMaxGrowth = 64;

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  result.reserve(text.size());
  for (;;) {
    const std::size_t found = text.find(from);
    result += text.substr(0, found);
    if (found == std::string_view::npos) return result;
    result += to;
    text.remove_prefix(found + from.size());
  }
}

std::string ReplaceAll(std::string_view text, const Regex& from, std::string_view to) {
  std::string result;
  result.reserve(text.size());
  RegexSearch search(from);
  std::size_t done = 0;
  bool after_match = false;
  while (const auto match = search.FindNext(text, done, after_match)) {
    result += text.substr(done, match->begin - done);
    result += to;
    done = match->end;
    after_match = true;
  }
  result += text.substr(done);
  return result;
}

// `text` with what `replace` makes of each code point: it appends to its second argument.
template <typename Replace>
std::string MapCodePoints(std::string_view text, Replace replace) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Utf8Sequence sequence = FirstUtf8Sequence(text);
    replace(sequence.code_point, text.substr(0, sequence.bytes), result);
    text.remove_prefix(sequence.bytes);
  }
  return result;
}

std::string Strip(std::string_view text, const StripSpace& step) {
  while (step.left && !text.empty()) {
    const Utf8Sequence first = FirstUtf8Sequence(text);
    if (!IsUnicodeSpace(first.code_point)) break;
    text.remove_prefix(first.bytes);
  }
  if (!step.right) return std::string(text);
  std::size_t end = 0;  // behind the last character that stays
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Sequence sequence = FirstUtf8Sequence(text.substr(i));
    i += sequence.bytes;
    if (!IsUnicodeSpace(sequence.code_point)) end = i;
  }
  return std::string(text.substr(0, end));
}

std::string MergeAllSpaces(std::string_view text, Normalizer::Ends ends) {
  std::string result;
  result.reserve(text.size());
  bool pending = false;
  for (const char c : text) {
    if (c == ' ') {
      pending = !result.empty() || !ends.has_begin;
      continue;
    }
    if (pending) result += ' ';
    pending = false;
    result += c;
  }
  if (pending && !ends.has_end) result += ' ';
  while (ends.has_end && (result.ends_with(kSpaceMark) || result.ends_with(' '))) {
    result.erase(result.size() - (result.ends_with(' ') ? 1 : kSpaceMark.size()));
  }
  return result;
}

// The rules of SentencePiece's "nmt" normalisation.
void CleanOne(char32_t c, std::string_view bytes, std::string& result) {
  const bool is_dropped = (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) ||
                          c == 0x7F || c == 0x8F || c == 0x9F;
  if (is_dropped) return;
  const bool is_space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                        (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                        c == 0xFEFF || c == 0xFFFD;
  if (is_space) {
    result += ' ';
  } else {
    result += bytes;
  }
}

// The blocks that BERT's tokenizers treat as Chinese. 0x2B920 ought to be 0x2B820, but models are
// trained with what the tokenizers do.
bool IsHan(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::string DropControls(std::string_view text, bool spaces_first) {
  return MapCodePoints(text, [&](char32_t c, std::string_view bytes, std::string& result) {
    const bool is_plain_space = c == '\t' || c == '\n' || c == '\r';
    const bool is_control = c == 0 || c == 0xFFFD || (IsUnicodeControl(c) && !is_plain_space);
    if (IsUnicodeSpace(c) && (spaces_first || !is_control)) {
      result += ' ';
    } else if (!is_control) {
      result += bytes;
    }
  });
}

std::string CleanWords(std::string text, const CleanForWordPiece& step) {
  if (step.clean) text = DropControls(text, step.like_llama_cpp);
  if (step.isolate_han) {
    text = MapCodePoints(text, [](char32_t c, std::string_view bytes, std::string& result) {
      const bool is_han = IsHan(c);
      if (is_han) result += ' ';
      result += bytes;
      if (is_han) result += ' ';
    });
  }
  if (step.drop_accents && step.like_llama_cpp) {
    text = RemoveMarks(FirstOfDecompositions(text), Marks::kAll);
  } else if (step.drop_accents) {
    text = RemoveMarks(NormalizeUtf8(text, NormalForm::kNfd), Marks::kNonspacing);
  }
  if (step.lowercase) text = LowercaseUtf8(text);
  return text;
}

}  // namespace

// A step with what was compiled for it.
struct Normalizer::Step {
  NormalizerStep what;
  std::optional<Regex> regex;
  std::optional<Charsmap> charsmap;

  Result<void> Compile() {
    if (const auto* const replace = std::get_if<ReplaceText>(&what); replace != nullptr) {
      if (replace->pattern.empty()) return Invalid("normalizer: a replacement of nothing");
      if (replace->is_expression) {
        MILLRACE_TRY(const std::string pattern, TranslateOniguruma(replace->pattern));
        MILLRACE_TRY(regex, Regex::Compile(pattern, Regex::Origin::kFile));
      }
    } else if (const auto* const map = std::get_if<ApplyCharsmap>(&what); map != nullptr) {
      MILLRACE_TRY(charsmap, Charsmap::Parse(map->charsmap));
    }
    return {};
  }

  std::string Run(std::string text, Ends ends) const {
    struct Visitor {
      const Step& step;
      std::string text;
      Ends ends;

      std::string operator()(const ToNormalForm& to) { return NormalizeUtf8(text, to.form); }
      std::string operator()(const ToLowercase&) { return LowercaseUtf8(text); }
      std::string operator()(const DropMarks& drop) { return RemoveMarks(text, drop.marks); }
      std::string operator()(const PrependText& prepend) {
        return text.empty() ? text : prepend.text + text;
      }
      std::string operator()(const ReplaceText& replace) {
        if (step.regex.has_value()) return ReplaceAll(text, *step.regex, replace.content);
        return ReplaceAll(text, replace.pattern, replace.content);
      }
      std::string operator()(const ApplyCharsmap&) { return step.charsmap->Apply(text); }
      std::string operator()(const StripSpace& strip) { return Strip(text, strip); }
      std::string operator()(const MergeSpaces&) { return MergeAllSpaces(text, ends); }
      std::string operator()(const CleanForTranslation&) { return MapCodePoints(text, CleanOne); }
      std::string operator()(const CleanForWordPiece& clean) {
        return CleanWords(std::move(text), clean);
      }
    };
    return std::visit(Visitor{*this, std::move(text), ends}, what);
  }
};

Result<Normalizer> Normalizer::Build(const std::vector<NormalizerStep>& steps) {
  Normalizer normalizer;
  for (const NormalizerStep& what : steps) {
    auto step = std::make_shared<Step>();
    step->what = what;
    MILLRACE_TRY_VOID(step->Compile());
    normalizer.steps_.push_back(std::move(step));
  }
  return normalizer;
}

std::string Normalizer::Apply(std::string_view text, Ends ends) const {
  std::string result(text);
  const std::size_t limit = kMaxGrowth * text.size() + 4096;
  for (const auto& step : steps_) {
    if (result.size() > limit) break;
    result = step->Run(std::move(result), ends);
  }
  return result;
}

}  // namespace millrace

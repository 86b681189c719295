#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/check.h"
#include "text/utf8.h"

namespace millrace {
namespace {

utf8proc_category_t Category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

utf8proc_option_t OptionsOf(NormalForm form) {
  switch (form) {
    case NormalForm::kNfc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case NormalForm::kNfd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case NormalForm::kNfkc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case NormalForm::kNfkd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  }
  return UTF8PROC_STABLE;
}

// utf8proc sorts marks by exchanging neighbours, which takes quadratic time for a long run of them.
// Sorted beforehand (by class, stably, as the standard wants it in the end) they cost nothing.
void SortMarks(std::vector<utf8proc_int32_t>& code_points) {
  const auto class_of = [](utf8proc_int32_t c) {
    return utf8proc_get_property(c)->combining_class;
  };
  for (auto begin = code_points.begin(); begin != code_points.end(); ++begin) {
    if (class_of(*begin) == 0) continue;
    const auto end = std::find_if(begin, code_points.end(),
                                  [&](utf8proc_int32_t c) { return class_of(c) == 0; });
    std::stable_sort(begin, end, [&](utf8proc_int32_t a, utf8proc_int32_t b) {
      return class_of(a) < class_of(b);
    });
    begin = end - 1;
  }
}

struct Free {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};

// Appends the normal form of well-formed text.
void AppendNormalized(std::string_view text, NormalForm form, std::string& result) {
  std::vector<utf8proc_int32_t> code_points;
  code_points.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Sequence sequence = FirstUtf8Sequence(rest);
    code_points.push_back(static_cast<utf8proc_int32_t>(sequence.code_point));
    rest.remove_prefix(sequence.bytes);
  }
  SortMarks(code_points);
  std::string sorted;
  sorted.reserve(text.size());
  for (const utf8proc_int32_t c : code_points) sorted += EncodeUtf8(static_cast<char32_t>(c));

  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(sorted.data()),
                   static_cast<utf8proc_ssize_t>(sorted.size()), &raw, OptionsOf(form));
  const std::unique_ptr<utf8proc_uint8_t, Free> mapped(raw);
  MILLRACE_CHECK(bytes >= 0);
  result.append(reinterpret_cast<const char*>(mapped.get()), static_cast<std::size_t>(bytes));
}

// Calls `take` with each code point and its bytes; what is ill-formed comes as U+FFFD with the
// bytes that it really is.
template <typename Take>
void ForEachSequence(std::string_view text, Take take) {
  while (!text.empty()) {
    const Utf8Sequence sequence = FirstUtf8Sequence(text);
    take(sequence, text.substr(0, sequence.bytes));
    text.remove_prefix(sequence.bytes);
  }
}

}  // namespace

bool IsUnicodeSpace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsUnicodePunctuation(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool IsUnicodeNumber(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool IsUnicodeControl(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return category >= UTF8PROC_CATEGORY_CC && category <= UTF8PROC_CATEGORY_CO;
}

bool IsWordCharacter(char32_t c) {
  const utf8proc_category_t category = Category(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ND) ||
         category == UTF8PROC_CATEGORY_PC;
}

bool IsPunctuationOrAsciiSymbol(char32_t c) {
  if (c >= 0x80) return IsUnicodePunctuation(c);
  return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') ||
         (c > 'z' && c < 0x7F);
}

std::string LowercaseUtf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  ForEachSequence(text, [&](const Utf8Sequence& sequence, std::string_view bytes) {
    if (sequence.form != Utf8Form::kWellFormed) {
      result += bytes;
    } else if (sequence.code_point == 0x130) {
      result += "i\xCC\x87";
    } else {
      const auto c = static_cast<utf8proc_int32_t>(sequence.code_point);
      result += EncodeUtf8(static_cast<char32_t>(utf8proc_tolower(c)));
    }
  });
  return result;
}

std::string NormalizeUtf8(std::string_view text, NormalForm form) {
  if (IsAscii(text)) return std::string(text);
  std::string result;
  while (!text.empty()) {
    std::size_t good = 0;
    std::size_t bad = 0;
    while (good < text.size()) {
      const Utf8Sequence sequence = FirstUtf8Sequence(text.substr(good));
      if (sequence.form != Utf8Form::kWellFormed) {
        bad = sequence.bytes;
        break;
      }
      good += sequence.bytes;
    }
    if (good > 0) AppendNormalized(text.substr(0, good), form, result);
    result += text.substr(good, bad);
    text.remove_prefix(good + bad);
  }
  return result;
}

std::string FirstOfDecompositions(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  ForEachSequence(text, [&](const Utf8Sequence& sequence, std::string_view bytes) {
    if (sequence.form != Utf8Form::kWellFormed || sequence.bytes == 1) {
      result += bytes;
      return;
    }
    const std::string decomposed = NormalizeUtf8(bytes, NormalForm::kNfd);
    result += std::string_view(decomposed).substr(0, FirstUtf8Sequence(decomposed).bytes);
  });
  return result;
}

std::string RemoveMarks(std::string_view text, Marks marks) {
  const utf8proc_category_t last =
      marks == Marks::kNonspacing ? UTF8PROC_CATEGORY_MN : UTF8PROC_CATEGORY_ME;
  std::string result;
  result.reserve(text.size());
  ForEachSequence(text, [&](const Utf8Sequence& sequence, std::string_view bytes) {
    const utf8proc_category_t category = Category(sequence.code_point);
    if (category >= UTF8PROC_CATEGORY_MN && category <= last) return;
    result += bytes;
  });
  return result;
}

}  // namespace millrace

#include "jinja/texts.h"

#include <string.h>

#include <algorithm>

#include "jinja/characters.h"
#include "jinja/failure.h"

namespace millrace::jinja {
namespace {

using std::string_view;

bool Has(string_view characters, char32_t code) {
  while (!characters.empty()) {
    const Character character = FirstCharacter(characters);
    if (character.code == code) return true;
    characters.remove_prefix(character.bytes);
  }
  return false;
}

bool IsNone(const Value* value) { return value == nullptr || value->is_none(); }

string_view Separator(const Value* separator) {
  if (!separator->is_string()) Fail("split() wants a str, not '{}'", TypeName(*separator));
  if (separator->string().empty()) Fail("empty separator");
  return separator->string();
}

// `text` without whitespace at its beginning, or end.
string_view SkipSpace(string_view text) {
  while (!text.empty() && IsSpace(FirstCharacter(text).code)) {
    text.remove_prefix(FirstCharacter(text).bytes);
  }
  return text;
}

string_view DropSpace(string_view text) {
  while (!text.empty() && IsSpace(LastCharacter(text).code)) {
    text.remove_suffix(LastCharacter(text).bytes);
  }
  return text;
}

}  // namespace

std::size_t FindText(Heap& heap, string_view text, string_view wanted) {
  if (wanted.empty()) return 0;
  if (text.empty()) return text.npos;
  const void* found = memmem(text.data(), text.size(), wanted.data(), wanted.size());
  const auto at = found == nullptr
                      ? text.size()
                      : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  heap.WorkOnText(at);
  return found == nullptr ? text.npos : at;
}

std::size_t FindLastText(Heap& heap, string_view text, string_view wanted) {
  heap.WorkOnText(text.size());
  if (wanted.size() > 32) heap.Work(text.size() / 32 * (wanted.size() / 8));  // at worst
  return text.rfind(wanted);
}

Value Strip(Heap& heap, string_view text, Side side, const Value* characters) {
  const bool any_space = IsNone(characters);
  if (!any_space && !characters->is_string()) {
    Fail("strip() wants a str, not '{}'", TypeName(*characters));
  }
  const auto goes = [&](char32_t code) {
    if (any_space) return IsSpace(code);
    heap.WorkOnText(characters->string().size());
    return Has(characters->string(), code);
  };
  heap.WorkOnText(text.size());
  while (side != Side::kRight && !text.empty() && goes(FirstCharacter(text).code)) {
    text.remove_prefix(FirstCharacter(text).bytes);
  }
  while (side != Side::kLeft && !text.empty() && goes(LastCharacter(text).code)) {
    text.remove_suffix(LastCharacter(text).bytes);
  }
  return Value::String(text);
}

Value SplitText(Heap& heap, string_view text, const Value* separator, std::int64_t most) {
  heap.WorkOnText(text.size());
  List* parts = heap.NewList();
  const auto may_split = [&] {
    return most < 0 || static_cast<std::int64_t>(parts->items.size()) < most;
  };
  if (!IsNone(separator)) {
    const string_view between = Separator(separator);
    for (std::size_t at = FindText(heap, text, between); at != text.npos && may_split();
         at = FindText(heap, text, between)) {
      heap.Append(*parts, Value::String(text.substr(0, at)));
      text.remove_prefix(at + between.size());
    }
    heap.Append(*parts, Value::String(text));
    return Value::Of(parts);
  }
  for (text = SkipSpace(text); !text.empty() && may_split(); text = SkipSpace(text)) {
    std::size_t end = 0;
    while (end < text.size()) {
      const Character character = FirstCharacter(text.substr(end));
      if (IsSpace(character.code)) break;
      end += character.bytes;
    }
    heap.Append(*parts, Value::String(text.substr(0, end)));
    text.remove_prefix(end);
  }
  if (!text.empty()) heap.Append(*parts, Value::String(text));
  return Value::Of(parts);
}

Value SplitTextFromRight(Heap& heap, string_view text, const Value* separator, std::int64_t most) {
  heap.WorkOnText(text.size());
  List* parts = heap.NewList();
  const auto may_split = [&] {
    return most < 0 || static_cast<std::int64_t>(parts->items.size()) < most;
  };
  if (!IsNone(separator)) {
    const string_view between = Separator(separator);
    for (std::size_t at = FindLastText(heap, text, between); at != text.npos && may_split();
         at = FindLastText(heap, text, between)) {
      heap.Append(*parts, Value::String(text.substr(at + between.size())));
      text = text.substr(0, at);
    }
    heap.Append(*parts, Value::String(text));
  } else {
    for (text = DropSpace(text); !text.empty() && may_split(); text = DropSpace(text)) {
      std::size_t begin = text.size();
      while (begin > 0) {
        const Character character = LastCharacter(text.substr(0, begin));
        if (IsSpace(character.code)) break;
        begin -= character.bytes;
      }
      heap.Append(*parts, Value::String(text.substr(begin)));
      text = text.substr(0, begin);
    }
    if (!text.empty()) heap.Append(*parts, Value::String(text));
  }
  std::reverse(parts->items.begin(), parts->items.end());
  return Value::Of(parts);
}

Value Replace(Heap& heap, string_view text, string_view from, string_view to, std::int64_t most) {
  heap.WorkOnText(text.size());
  if (!from.empty() && FindText(heap, text, from) == text.npos) return Value::String(text);
  TextBuilder result(heap);
  for (; most != 0; --most) {
    // Nothing stands between any two characters, and at both ends.
    const std::size_t at = FindText(heap, text, from);
    if (at == text.npos) break;
    result.Add(text.substr(0, at));
    result.Add(to);
    text.remove_prefix(at + from.size());
    if (!from.empty()) continue;
    if (text.empty()) break;
    const std::size_t bytes = FirstCharacter(text).bytes;
    result.Add(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  result.Add(text);
  return result.Finish();
}

Value Pad(Heap& heap, string_view text, std::int64_t width, string_view fill, Alignment alignment) {
  heap.WorkOnText(text.size());
  const std::int64_t missing = width - static_cast<std::int64_t>(CountCharacters(text));
  if (missing <= 0) return Value::String(text);
  // Python puts the odd one of center() on the left, where the width is odd.
  const std::int64_t left = alignment == Alignment::kLeft    ? 0
                            : alignment == Alignment::kRight ? missing
                                                             : missing / 2 + (missing & width & 1);
  TextBuilder result(heap);
  for (std::int64_t i = 0; i < left; ++i) result.Add(fill);
  result.Add(text);
  for (std::int64_t i = left; i < missing; ++i) result.Add(fill);
  return result.Finish();
}

}  // namespace millrace::jinja

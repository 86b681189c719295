// What filters and methods do alike with texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "jinja/heap.h"
#include "jinja/value.h"

namespace millrace::jinja {

enum class Side { kBoth, kLeft, kRight };
enum class Alignment { kLeft, kRight, kCenter };

// The first `wanted` in `text`, or npos; in a time linear in `text` whatever both are.
std::size_t FindText(Heap& heap, std::string_view text, std::string_view wanted);
// The last one.
std::size_t FindLastText(Heap& heap, std::string_view text, std::string_view wanted);

// Without the characters of `characters` at its ends; whitespace if that is null or None.
Value Strip(Heap& heap, std::string_view text, Side side, const Value* characters);

// str.split and str.rsplit. `separator` null or None: at runs of whitespace. `most` < 0: all.
Value SplitText(Heap& heap, std::string_view text, const Value* separator, std::int64_t most);
Value SplitTextFromRight(Heap& heap, std::string_view text, const Value* separator,
                         std::int64_t most);

// str.replace. `most` < 0: all.
Value Replace(Heap& heap, std::string_view text, std::string_view from, std::string_view to,
              std::int64_t most);

// To `width` characters, with copies of the character `fill`.
Value Pad(Heap& heap, std::string_view text, std::int64_t width, std::string_view fill,
          Alignment alignment);

}  // namespace millrace::jinja

// JSON into values and back.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "jinja/heap.h"
#include "jinja/value.h"

namespace millrace::jinja {

enum class JsonText {
  kOutlives,  // the JSON stays as long as the heap: strings point into it
  kCopied,
};

// Fails for integers of more than 64 bits and for what is nested deeper than kDeepestValue.
Value FromJson(Heap& heap, const nlohmann::ordered_json& json, JsonText text, int depth = 0);

// As Python's json.dumps writes it.
struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  // Before each item: a line end and this much for each level.
  bool has_indent = false;
  std::string_view indent = {};
  std::string_view item_separator = ", ", key_separator = ": ";
};
Value ToJson(Heap& heap, const Value& value, const JsonStyle& style);

// A JSON text as a value; fails if it is none.
Value ParseJson(Heap& heap, std::string_view text);

}  // namespace millrace::jinja

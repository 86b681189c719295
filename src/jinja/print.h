// Values as text, as Python's str() and repr() write them.
#pragma once

#include <string>
#include <string_view>

#include "jinja/heap.h"
#include "jinja/value.h"

namespace millrace::jinja {

// str(): a string is itself, undefined is nothing. Counted as work of `heap`.
Value Str(Heap& heap, const Value& value);

// Appends str(value) to `text`.
void AppendStr(Heap& heap, std::string& text, const Value& value);

// repr(): strings in quotes. `depth` bounds the nesting.
void AppendRepr(Heap& heap, std::string& text, const Value& value, int depth = 0);

// The shortest decimal that reads back as the same double, as Python writes it: 0.1, 1e+16, inf.
std::string FloatText(double value);

}  // namespace millrace::jinja

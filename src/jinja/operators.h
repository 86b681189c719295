// What Python's operators do with two values.
#pragma once

#include "jinja/heap.h"
#include "jinja/syntax_tree.h"
#include "jinja/value.h"

namespace millrace::jinja {

// + - * / // % **. Integers have 64 bits: a result that does not fit is an error.
Value Arithmetic(Heap& heap, Operator op, const Value& left, const Value& right);
Value Negative(const Value& value);
Value Positive(const Value& value);

// == != < <= > >= in not in.
bool Compare(Heap& heap, Comparison comparison, const Value& left, const Value& right);

// Python's `item in container`.
bool Contains(Heap& heap, const Value& container, const Value& item);

// value[begin:end:step]; undefined or None where nothing stands.
Value Slice(Heap& heap, const Value& value, const Value& begin, const Value& end,
            const Value& step);

}  // namespace millrace::jinja

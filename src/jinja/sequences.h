// What filters, methods and functions do alike with lists and dicts.
#pragma once

#include <vector>

#include "jinja/interpreter.h"
#include "jinja/value.h"

namespace millrace::jinja {

// The entries as tuples.
List* Pairs(Heap& heap, const Dict& dict, Sequence sequence);

// dict(x, name=...): the entries of a mapping or of pairs, then the named arguments.
void FillDict(Interpreter& interpreter, Dict& dict, const Arguments& arguments);

// Sorts `items` by `keys` (one each), stably; reversed as in Python, where equal items keep their
// order.
void Sort(Heap& heap, std::vector<Value>& items, const std::vector<Value>& keys, bool reverse);

// The attribute that a filter looks at: "a.b", "0.name", 3; None is the item itself. What is
// undefined on the way becomes `fallback`, if that is not null.
Value PathOf(Interpreter& interpreter, const Value& item, const Value& path,
             const Value* fallback = nullptr);

// Without case, unless it matters: what sort, unique, min, ... compare.
Value FoldCase(Heap& heap, const Value& value);

}  // namespace millrace::jinja

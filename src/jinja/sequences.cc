#include "jinja/sequences.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "jinja/characters.h"
#include "jinja/failure.h"

namespace millrace::jinja {
namespace {

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Value PathPart(std::string_view part) {
  std::int64_t index = 0;
  if (IsNumber(part) &&
      std::from_chars(part.data(), part.data() + part.size(), index).ec == std::errc()) {
    return Value::Int(index);
  }
  return Value::String(part);
}

}  // namespace

List* Pairs(Heap& heap, const Dict& dict, Sequence sequence) {
  List* pairs = heap.NewList(sequence);
  for (const auto& [key, value] : dict.entries) heap.Append(*pairs, heap.NewTuple({key, value}));
  return pairs;
}

void FillDict(Interpreter& interpreter, Dict& dict, const Arguments& arguments) {
  Heap& heap = interpreter.heap();
  for (const Value& source : arguments.positional) {
    if (source.is_dict() || source.is(Kind::kNamespace)) {
      const auto entries = source.dict().entries;
      for (const auto& [key, value] : entries) heap.Set(dict, key, value);
      continue;
    }
    const std::vector<Value> pairs = interpreter.Items(source).items;
    for (const Value& pair : pairs) {
      const auto& parts = interpreter.Items(pair).items;
      if (parts.size() != 2) Fail("dict() found an entry of {} values, wanted 2", parts.size());
      heap.Set(dict, parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) heap.Set(dict, Value::String(name), value);
}

void Sort(Heap& heap, std::vector<Value>& items, const std::vector<Value>& keys, bool reverse) {
  heap.Work(items.size());
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return reverse ? Less(heap, keys[b], keys[a]) : Less(heap, keys[a], keys[b]);
  });
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (const std::size_t i : order) sorted.push_back(items[i]);
  items = std::move(sorted);
}

Value PathOf(Interpreter& interpreter, const Value& item, const Value& path,
             const Value* fallback) {
  const auto get = [&](const Value& value, const Value& part) {
    const Value found = interpreter.GetItem(value, part);
    return found.is_undefined() && fallback != nullptr ? *fallback : found;
  };
  if (path.is_none()) return item;
  if (!path.is_string()) return get(item, path);
  Value value = item;
  for (std::string_view rest = path.string();;) {
    const std::size_t dot = rest.find('.');
    value = get(value, PathPart(rest.substr(0, dot)));
    if (dot == rest.npos) return value;
    rest.remove_prefix(dot + 1);
  }
}

Value FoldCase(Heap& heap, const Value& value) {
  if (!value.is_string()) return value;
  heap.WorkOnText(value.string().size());
  return heap.NewString(Lower(value.string()));
}

}  // namespace millrace::jinja

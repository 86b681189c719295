// Filters on lists, dicts and what else has items.
#include <algorithm>
#include <functional>
#include <vector>

#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/filters.h"
#include "jinja/named_functions.h"
#include "jinja/operators.h"
#include "jinja/parameters.h"
#include "jinja/print.h"
#include "jinja/sequences.h"

namespace millrace::jinja {
namespace {

using std::string_view;

// The arguments after the first `count`, the same by name.
Arguments After(const Arguments& arguments, std::size_t count) {
  Arguments rest = arguments;
  const auto taken = static_cast<std::ptrdiff_t>(std::min(count, rest.positional.size()));
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + taken);
  return rest;
}

string_view NameAt(string_view filter, const Arguments& arguments, std::size_t i) {
  if (i >= arguments.positional.size() || !arguments.positional[i].is_string()) {
    Fail("{}() wants the name of a filter, a test or an attribute", filter);
  }
  return arguments.positional[i].string();
}

Value Length(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("length", arguments, {});
  const auto count = [](std::size_t n) { return Value::Int(static_cast<std::int64_t>(n)); };
  if (value.is_undefined()) return Value::Int(0);
  if (value.is_list()) return count(value.list().items.size());
  if (value.is_dict()) return count(value.dict().entries.size());
  if (value.is(Kind::kLoop)) return count(interpreter.LoopLength(value.loop()));
  if (!value.is_string()) Fail("object of type '{}' has no len()", TypeName(value));
  interpreter.heap().WorkOnText(value.string().size());
  return count(CountCharacters(value.string()));
}

Value First(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("first", arguments, {});
  const auto& items = interpreter.Items(value).items;
  if (items.empty()) {
    return Value::Undefined("No first item, sequence was empty.", Missing::kOther);
  }
  return items.front();
}

Value Last(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("last", arguments, {});
  const auto& items = interpreter.Items(value).items;
  if (items.empty()) return Value::Undefined("No last item, sequence was empty.", Missing::kOther);
  return items.back();
}

Value Join(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("join", arguments, {"d", "attribute"});
  Heap& heap = interpreter.heap();
  const Value separator =
      parameters.Get(0) == nullptr ? Value::String("") : Str(heap, *parameters.Get(0));
  TextBuilder text(heap);
  bool first = true;
  for (const Value& item : interpreter.Items(value).items) {
    if (!first) text.Add(separator.string());
    first = false;
    const Value part = parameters.Has(1) ? PathOf(interpreter, item, *parameters.Get(1)) : item;
    text.Add(Str(heap, part).string());
  }
  return text.Finish();
}

Value CopyOf(Interpreter& interpreter, const Value& value, Sequence sequence) {
  List* list = interpreter.heap().NewList(sequence);
  for (const Value& item : interpreter.Items(value).items) interpreter.heap().Append(*list, item);
  return Value::Of(list);
}

Value ToList(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("list", arguments, {});
  return CopyOf(interpreter, value, Sequence::kList);
}

Value Reverse(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("reverse", arguments, {});
  const Value reversed = CopyOf(interpreter, value, Sequence::kGenerator);
  auto& items = reversed.list().items;
  std::reverse(items.begin(), items.end());
  if (!value.is_string()) return reversed;
  TextBuilder text(interpreter.heap());
  for (const Value& item : items) text.Add(item.string());
  return text.Finish();
}

Value ItemsFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("items", arguments, {});
  if (value.is_undefined()) return Value::Of(interpreter.heap().NewList(Sequence::kGenerator));
  if (!value.is_dict()) Fail("Can only get item pairs from a mapping.");
  return Value::Of(Pairs(interpreter.heap(), value.dict(), Sequence::kGenerator));
}

// What is compared for each item: an attribute of it or itself, without case unless it matters.
std::vector<Value> Keys(Interpreter& interpreter, const std::vector<Value>& items,
                        const Value& attribute, bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& item : items) {
    const Value key = PathOf(interpreter, item, attribute);
    keys.push_back(case_sensitive ? key : FoldCase(interpreter.heap(), key));
  }
  return keys;
}

// For sort: a list of the attributes "a,b" of each item.
std::vector<Value> SortKeys(Interpreter& interpreter, const std::vector<Value>& items,
                            const Value& attribute, bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& item : items) {
    List* key = interpreter.heap().NewList();
    keys.push_back(Value::Of(key));
    const auto add = [&](const Value& path) {
      const Value part = PathOf(interpreter, item, path);
      interpreter.heap().Append(*key, case_sensitive ? part : FoldCase(interpreter.heap(), part));
    };
    if (!attribute.is_string()) {
      add(attribute);
      continue;
    }
    for (string_view rest = attribute.string();;) {
      const std::size_t comma = rest.find(',');
      add(Value::String(rest.substr(0, comma)));
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return keys;
}

Value OrNone(const Value* value) { return value == nullptr ? Value::None() : *value; }

Value SortFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const Value sorted = CopyOf(interpreter, value, Sequence::kList);
  auto& items = sorted.list().items;
  const auto keys =
      SortKeys(interpreter, items, OrNone(parameters.Get(2)), parameters.Bool(1, false));
  Sort(interpreter.heap(), items, keys, parameters.Bool(0, false));
  return sorted;
}

Value DictSort(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const string_view by = parameters.String(1, "key");
  if (by != "key" && by != "value") Fail("You can only sort by either \"key\" or \"value\"");
  if (!value.is_dict()) Fail("'{}' object has no attribute 'items'", TypeName(value));
  List* pairs = Pairs(interpreter.heap(), value.dict(), Sequence::kList);
  const auto keys =
      Keys(interpreter, pairs->items, Value::Int(by == "key" ? 0 : 1), parameters.Bool(0, false));
  Sort(interpreter.heap(), pairs->items, keys, parameters.Bool(2, false));
  return Value::Of(pairs);
}

Value Unique(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("unique", arguments, {"case_sensitive", "attribute"});
  Heap& heap = interpreter.heap();
  const auto& items = interpreter.Items(value).items;
  const auto keys = Keys(interpreter, items, OrNone(parameters.Get(1)), parameters.Bool(0, false));
  Dict* seen = heap.NewDict();
  List* unique = heap.NewList(Sequence::kGenerator);
  for (std::size_t i = 0; i < items.size(); ++i) {
    CheckKey(keys[i]);
    if (seen->Find(keys[i]) != nullptr) continue;
    heap.Set(*seen, keys[i], Value::None());
    heap.Append(*unique, items[i]);
  }
  return Value::Of(unique);
}

template <bool largest>
Value Extreme(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("min", arguments, {"case_sensitive", "attribute"});
  const auto& items = interpreter.Items(value).items;
  if (items.empty()) {
    return Value::Undefined("No aggregated item, sequence was empty.", Missing::kOther);
  }
  const auto keys = Keys(interpreter, items, OrNone(parameters.Get(1)), parameters.Bool(0, false));
  std::size_t best = 0;
  for (std::size_t i = 1; i < items.size(); ++i) {
    const Value &a = keys[largest ? best : i], &b = keys[largest ? i : best];
    if (Less(interpreter.heap(), a, b)) best = i;
  }
  return items[best];
}

Value Sum(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("sum", arguments, {"attribute", "start"});
  Value sum = parameters.Get(1) == nullptr ? Value::Int(0) : *parameters.Get(1);
  for (const Value& item : interpreter.Items(value).items) {
    const Value term = PathOf(interpreter, item, OrNone(parameters.Get(0)));
    sum = Arithmetic(interpreter.heap(), Operator::kAdd, sum, term);
  }
  return sum;
}

Value GroupBy(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  Heap& heap = interpreter.heap();
  std::vector<Value> items = interpreter.Items(value).items;
  std::vector<Value> labels = Keys(interpreter, items, *parameters.Get(0), true);
  for (Value& label : labels) {
    if (label.is_undefined() && parameters.Get(1) != nullptr) label = *parameters.Get(1);
  }
  std::vector<Value> keys = labels;
  if (!parameters.Bool(2, false)) {
    for (Value& key : keys) key = FoldCase(heap, key);
  }
  std::vector<Value> sorted_keys = keys;
  Sort(heap, items, keys, false);
  Sort(heap, labels, keys, false);
  Sort(heap, sorted_keys, keys, false);
  List* groups = heap.NewList();
  for (std::size_t i = 0; i < items.size();) {
    List* group = heap.NewList();
    const std::size_t first = i;
    for (; i < items.size() && Equal(heap, sorted_keys[first], sorted_keys[i]); ++i) {
      heap.Append(*group, items[i]);
    }
    if (i == first) heap.Append(*group, items[i++]);  // a NaN is not even equal to itself
    heap.Append(*groups, heap.NewTuple({labels[first], Value::Of(group)}));
  }
  return Value::Of(groups);
}

Value Batch(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("batch", arguments, {"linecount", "fill_with"}, 1);
  Heap& heap = interpreter.heap();
  const std::int64_t size = parameters.Int(0, 1);
  List* batches = heap.NewList(Sequence::kGenerator);
  List* batch = heap.NewList();
  const auto filled = [&] { return static_cast<std::int64_t>(batch->items.size()); };
  for (const Value& item : interpreter.Items(value).items) {
    if (filled() == size) {
      heap.Append(*batches, Value::Of(batch));
      batch = heap.NewList();
    }
    heap.Append(*batch, item);
  }
  if (filled() == 0) return Value::Of(batches);
  while (parameters.Has(1) && filled() < size) heap.Append(*batch, *parameters.Get(1));
  heap.Append(*batches, Value::Of(batch));
  return Value::Of(batches);
}

Value SliceFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("slice", arguments, {"slices", "fill_with"}, 1);
  Heap& heap = interpreter.heap();
  const std::vector<Value> items = interpreter.Items(value).items;
  const std::int64_t slices = parameters.Int(0, 1);
  if (slices < 1) Fail("slice() wants at least 1 slice, not {}", slices);
  const auto size = static_cast<std::int64_t>(items.size());
  List* result = heap.NewList(Sequence::kGenerator);
  std::size_t at = 0;
  for (std::int64_t i = 0; i < slices; ++i) {
    List* part = heap.NewList();
    const std::int64_t count = size / slices + (i < size % slices ? 1 : 0);
    for (std::int64_t j = 0; j < count; ++j) heap.Append(*part, items[at++]);
    if (parameters.Has(1) && i >= size % slices) heap.Append(*part, *parameters.Get(1));
    heap.Append(*result, Value::Of(part));
  }
  return Value::Of(result);
}

Value Map(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  Heap& heap = interpreter.heap();
  List* mapped = heap.NewList(Sequence::kGenerator);
  if (!IsTrue(value)) return Value::Of(mapped);  // None too has nothing to map
  if (arguments.positional.empty()) {
    const Parameters parameters("map", arguments, {"attribute", "default"}, 1);
    for (const Value& item : interpreter.Items(value).items) {
      const Value* fallback = parameters.Has(1) ? parameters.Get(1) : nullptr;
      heap.Append(*mapped, PathOf(interpreter, item, *parameters.Get(0), fallback));
    }
    return Value::Of(mapped);
  }
  const string_view name = NameAt("map", arguments, 0);
  const Arguments rest = After(arguments, 1);
  const std::vector<Value> items = interpreter.Items(value).items;
  for (const Value& item : items) heap.Append(*mapped, interpreter.ApplyFilter(name, item, rest));
  return Value::Of(mapped);
}

enum class Keep { kPassing, kFailing };
enum class Look { kAtItem, kAtAttribute };

template <Keep keep, Look look>
Value Select(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  Heap& heap = interpreter.heap();
  const std::size_t test_at = look == Look::kAtAttribute ? 1 : 0;
  if (arguments.positional.size() < test_at) Fail("selectattr() lacks the name of an attribute");
  const bool has_test = arguments.positional.size() > test_at;
  const string_view name = has_test ? NameAt("select", arguments, test_at) : string_view();
  const Arguments rest = After(arguments, test_at + 1);
  List* selected = heap.NewList(Sequence::kGenerator);
  if (!IsTrue(value)) return Value::Of(selected);  // None too has nothing to select
  const std::vector<Value> items = interpreter.Items(value).items;
  for (const Value& item : items) {
    const Value tested =
        look == Look::kAtAttribute ? PathOf(interpreter, item, arguments.positional[0]) : item;
    const bool passes = has_test ? interpreter.ApplyTest(name, tested, rest) : IsTrue(tested);
    if (passes == (keep == Keep::kPassing)) heap.Append(*selected, item);
  }
  return Value::Of(selected);
}

}  // namespace

Filter FindSequenceFilter(string_view name) {
  static const NamedFunctions<Filter> filters = {
      {"length", Length},
      {"count", Length},
      {"first", First},
      {"last", Last},
      {"join", Join},
      {"list", ToList},
      {"reverse", Reverse},
      {"items", ItemsFilter},
      {"sort", SortFilter},
      {"dictsort", DictSort},
      {"unique", Unique},
      {"min", Extreme<false>},
      {"max", Extreme<true>},
      {"sum", Sum},
      {"groupby", GroupBy},
      {"batch", Batch},
      {"slice", SliceFilter},
      {"map", Map},
      {"select", Select<Keep::kPassing, Look::kAtItem>},
      {"reject", Select<Keep::kFailing, Look::kAtItem>},
      {"selectattr", Select<Keep::kPassing, Look::kAtAttribute>},
      {"rejectattr", Select<Keep::kFailing, Look::kAtAttribute>}};
  return filters.Find(name);
}

}  // namespace millrace::jinja

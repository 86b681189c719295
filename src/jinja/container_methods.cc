// Methods of lists, tuples and dicts.
#include <algorithm>

#include "jinja/failure.h"
#include "jinja/methods.h"
#include "jinja/named_functions.h"
#include "jinja/parameters.h"
#include "jinja/sequences.h"

namespace millrace::jinja {
namespace {

Value Append(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("append", arguments, {"object"}, 1);
  interpreter.heap().Append(self.list(), *parameters.Get(0));
  return Value::None();
}

Value Extend(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("extend", arguments, {"iterable"}, 1);
  const std::vector<Value> items = interpreter.Items(*parameters.Get(0)).items;
  for (const Value& item : items) interpreter.heap().Append(self.list(), item);
  return Value::None();
}

Value Insert(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("insert", arguments, {"index", "object"}, 2);
  auto& items = self.list().items;
  const auto size = static_cast<std::int64_t>(items.size());
  std::int64_t index = parameters.Int(0, 0);
  if (index < 0) index = std::max(index, -size) + size;
  interpreter.heap().Work(items.size() / 8);
  interpreter.heap().Append(self.list(), *parameters.Get(1));
  std::rotate(items.begin() + std::min(index, size), items.end() - 1, items.end());
  return Value::None();
}

Value PopItem(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("pop", arguments, {"index"});
  auto& items = self.list().items;
  const auto size = static_cast<std::int64_t>(items.size());
  std::int64_t index = parameters.Int(0, -1);
  if (size == 0) Fail("pop from empty list");
  if (index < -size || index >= size) Fail("pop index out of range");
  if (index < 0) index += size;
  interpreter.heap().Work(1 + items.size() / 8);
  const Value item = items[static_cast<std::size_t>(index)];
  items.erase(items.begin() + index);
  return item;
}

// The index of `item`, or the size.
std::size_t IndexOf(Interpreter& interpreter, const List& list, const Value& item) {
  std::size_t i = 0;
  while (i < list.items.size() && !Equal(interpreter.heap(), list.items[i], item)) ++i;
  return i;
}

Value Remove(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("remove", arguments, {"value"}, 1);
  auto& items = self.list().items;
  const std::size_t index = IndexOf(interpreter, self.list(), *parameters.Get(0));
  if (index == items.size()) Fail("list.remove(x): x not in list");
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(index));
  return Value::None();
}

Value Index(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("index", arguments, {"value"}, 1);
  const std::size_t index = IndexOf(interpreter, self.list(), *parameters.Get(0));
  if (index == self.list().items.size()) Fail("the value is not in the {}", TypeName(self));
  return Value::Int(static_cast<std::int64_t>(index));
}

Value Count(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("count", arguments, {"value"}, 1);
  std::int64_t count = 0;
  for (const Value& item : self.list().items) {
    if (Equal(interpreter.heap(), item, *parameters.Get(0))) ++count;
  }
  return Value::Int(count);
}

Value Reverse(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("reverse", arguments, {});
  interpreter.heap().Work(1 + self.list().items.size() / 8);
  std::reverse(self.list().items.begin(), self.list().items.end());
  return Value::None();
}

Value SortInPlace(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("sort", arguments, {"reverse"});
  std::vector<Value> items = self.list().items;
  Sort(interpreter.heap(), items, items, parameters.Bool(0, false));
  self.list().items = items;
  return Value::None();
}

Value CopyList(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("copy", arguments, {});
  List* copy = interpreter.heap().NewList();
  for (const Value& item : self.list().items) interpreter.heap().Append(*copy, item);
  return Value::Of(copy);
}

Value ClearList(Interpreter&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("clear", arguments, {});
  self.list().items.clear();
  return Value::None();
}

Value Get(Interpreter&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("get", arguments, {"key", "default"}, 1);
  CheckKey(*parameters.Get(0));
  const Value* found = self.dict().Find(*parameters.Get(0));
  if (found != nullptr) return *found;
  return parameters.Get(1) == nullptr ? Value::None() : *parameters.Get(1);
}

Value Keys(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("keys", arguments, {});
  List* list = interpreter.heap().NewList(Sequence::kKeys);
  for (const auto& entry : self.dict().entries) interpreter.heap().Append(*list, entry.first);
  return Value::Of(list);
}

Value Values(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("values", arguments, {});
  List* list = interpreter.heap().NewList(Sequence::kValues);
  for (const auto& entry : self.dict().entries) interpreter.heap().Append(*list, entry.second);
  return Value::Of(list);
}

Value ItemsOf(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("items", arguments, {});
  return Value::Of(Pairs(interpreter.heap(), self.dict(), Sequence::kItems));
}

Value Pop(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("pop", arguments, {"key", "default"}, 1);
  CheckKey(*parameters.Get(0));
  const Value* found = self.dict().Find(*parameters.Get(0));
  if (found != nullptr) {
    const Value value = *found;
    interpreter.heap().Work(1 + self.dict().entries.size());
    self.dict().Erase(*parameters.Get(0));
    return value;
  }
  if (parameters.Get(1) == nullptr) Fail("pop() finds no such key");
  return *parameters.Get(1);
}

Value SetDefault(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("setdefault", arguments, {"key", "default"}, 1);
  CheckKey(*parameters.Get(0));
  if (const Value* found = self.dict().Find(*parameters.Get(0)); found != nullptr) return *found;
  const Value value = parameters.Get(1) == nullptr ? Value::None() : *parameters.Get(1);
  interpreter.heap().Set(self.dict(), *parameters.Get(0), value);
  return value;
}

Value Update(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  if (arguments.positional.size() > 1) Fail("update() takes at most 1 argument");
  FillDict(interpreter, self.dict(), arguments);
  return Value::None();
}

Value CopyDict(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("copy", arguments, {});
  Dict* copy = interpreter.heap().NewDict();
  for (const auto& [key, value] : self.dict().entries) interpreter.heap().Set(*copy, key, value);
  return Value::Of(copy);
}

Value ClearDict(Interpreter&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("clear", arguments, {});
  self.dict().Clear();
  return Value::None();
}

}  // namespace

Method FindListMethod(std::string_view name) {
  static const NamedFunctions<Method> methods = {
      {"append", Append},    {"extend", Extend}, {"insert", Insert},  {"pop", PopItem},
      {"remove", Remove},    {"index", Index},   {"count", Count},    {"reverse", Reverse},
      {"sort", SortInPlace}, {"copy", CopyList}, {"clear", ClearList}};
  return methods.Find(name);
}

Method FindTupleMethod(std::string_view name) {
  static const NamedFunctions<Method> methods = {{"index", Index}, {"count", Count}};
  return methods.Find(name);
}

Method FindDictMethod(std::string_view name) {
  static const NamedFunctions<Method> methods = {
      {"get", Get},       {"keys", Keys},     {"values", Values},
      {"items", ItemsOf}, {"pop", Pop},       {"setdefault", SetDefault},
      {"update", Update}, {"copy", CopyDict}, {"clear", ClearDict}};
  return methods.Find(name);
}

Method FindMethod(const Value& self, std::string_view name) {
  if (self.is_string()) return FindStringMethod(name);
  if (self.is_dict()) return FindDictMethod(name);
  if (!self.is_list()) return nullptr;
  switch (self.list().sequence) {
    case Sequence::kList:
      return FindListMethod(name);
    case Sequence::kTuple:
    case Sequence::kRange:
      return FindTupleMethod(name);
    case Sequence::kGenerator:
    case Sequence::kKeys:
    case Sequence::kValues:
    case Sequence::kItems:
      return nullptr;
  }
  return nullptr;
}

}  // namespace millrace::jinja

#include "jinja/value.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "jinja/failure.h"
#include "jinja/heap.h"

namespace millrace::jinja {
namespace {

constexpr std::size_t kIndexFrom = 16;  // entries; fewer are searched one by one

// Numbers among themselves, exact also where a double does not hold the integer. NaN is below
// everything and equal to itself: a map needs a total order.
int CompareNumbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) {
    return (a.integer() > b.integer()) - (a.integer() < b.integer());
  }
  const double x = a.real(), y = b.real();
  if (std::isnan(x) || std::isnan(y)) return static_cast<int>(std::isnan(y)) - std::isnan(x);
  if (x != y) return x < y ? -1 : 1;
  if (!a.is_integral() && !b.is_integral()) return 0;
  if (std::abs(x) >= 0x1p63) return x < 0 ? (a.is_integral() ? 1 : -1) : (a.is_integral() ? -1 : 1);
  const auto whole = static_cast<std::int64_t>(x);  // the double's value, an integer of its size
  const std::int64_t other_a = a.is_integral() ? a.integer() : whole;
  const std::int64_t other_b = b.is_integral() ? b.integer() : whole;
  return (other_a > other_b) - (other_a < other_b);
}

int KeyClass(const Value& value) {
  if (value.is_number()) return 0;
  return 1 + static_cast<int>(value.kind());
}

int CompareKeys(const Value& a, const Value& b) {
  if (KeyClass(a) != KeyClass(b)) return KeyClass(a) < KeyClass(b) ? -1 : 1;
  if (a.is_number()) return CompareNumbers(a, b);
  if (a.is_string()) {
    const int order = a.string().compare(b.string());
    return (order > 0) - (order < 0);
  }
  if (a.is_list()) {  // a tuple of keys: CheckKey has seen it, so it is not too deep
    const auto &x = a.list().items, &y = b.list().items;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (const int order = CompareKeys(x[i], y[i]); order != 0) return order;
    }
    return (x.size() > y.size()) - (x.size() < y.size());
  }
  return 0;  // None, undefined
}

void CheckKeyAt(const Value& key, int depth) {
  if (depth > kDeepestValue) Fail("a dict key is nested too deeply");
  if (key.is_dict() || key.is(Kind::kNamespace) || key.is(Kind::kFunction) || key.is(Kind::kLoop)) {
    Fail("unhashable type: '{}'", TypeName(key));
  }
  if (!key.is_list()) return;
  if (key.list().sequence != Sequence::kTuple) Fail("unhashable type: '{}'", TypeName(key));
  for (const Value& item : key.list().items) CheckKeyAt(item, depth + 1);
}

std::string_view SequenceName(Sequence sequence) {
  switch (sequence) {
    case Sequence::kList:
      return "list";
    case Sequence::kTuple:
      return "tuple";
    case Sequence::kRange:
      return "range";
    case Sequence::kGenerator:
      return "generator";
    case Sequence::kKeys:
      return "dict_keys";
    case Sequence::kValues:
      return "dict_values";
    case Sequence::kItems:
      return "dict_items";
  }
  MILLRACE_CHECK(false);
  return {};
}

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kList:
      return "list";
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kFunction:
      return "function";
    case Kind::kLoop:
      return "LoopContext";
  }
  MILLRACE_CHECK(false);
  return {};
}

bool EqualDicts(Heap& heap, const Dict& a, const Dict& b, int depth) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.Find(key);
    if (other == nullptr || !Equal(heap, value, *other, depth + 1)) return false;
  }
  return true;
}

}  // namespace

Value Value::Bool(bool value) {
  Value result(Kind::kBool);
  result.integer_ = value ? 1 : 0;
  return result;
}

Value Value::Int(std::int64_t value) {
  Value result(Kind::kInt);
  result.integer_ = value;
  return result;
}

Value Value::Float(double value) {
  Value result(Kind::kFloat);
  result.real_ = value;
  return result;
}

Value Value::String(std::string_view bytes) {
  Value result(Kind::kString);
  result.bytes_ = bytes.data();
  result.size_ = bytes.size();
  return result;
}

Value Value::Of(List* list) {
  Value result(Kind::kList);
  result.list_ = list;
  return result;
}

Value Value::Of(Dict* dict, Kind kind) {
  MILLRACE_CHECK(kind == Kind::kDict || kind == Kind::kNamespace);
  Value result(kind);
  result.dict_ = dict;
  return result;
}

Value Value::Of(Function* function) {
  Value result(Kind::kFunction);
  result.function_ = function;
  return result;
}

Value Value::Of(Loop* loop) {
  Value result(Kind::kLoop);
  result.loop_ = loop;
  return result;
}

Value Value::Undefined(std::string_view name, Missing why, Kind owner) {
  Value result(Kind::kUndefined);
  result.bytes_ = name.data();
  result.size_ = name.size();
  result.missing_ = why;
  result.owner_ = owner;
  return result;
}

bool KeyLess::operator()(const Value& a, const Value& b) const { return CompareKeys(a, b) < 0; }

const Value* Dict::Find(const Value& key) const {
  if (!index.empty()) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : &entries[found->second].second;
  }
  for (const auto& entry : entries) {
    if (CompareKeys(entry.first, key) == 0) return &entry.second;
  }
  return nullptr;
}

void Dict::Erase(const Value& key) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
    return CompareKeys(entry.first, key) == 0;
  });
  if (found == entries.end()) return;
  entries.erase(found);
  index.clear();
  if (entries.size() < kIndexFrom) return;
  for (std::size_t i = 0; i < entries.size(); ++i) index.emplace(entries[i].first, i);
}

void Dict::Clear() {
  entries.clear();
  index.clear();
}

std::string UndefinedMessage(const Value& value) {
  const std::string_view name = value.size_ == 0 ? std::string_view() : value.string();
  switch (value.missing_) {
    case Missing::kName:
      return fmt::format("'{}' is undefined", name);
    case Missing::kAttribute:
      return fmt::format("'{}' object has no attribute '{}'", KindName(value.owner_), name);
    case Missing::kOther:
      return name.empty() ? "the value is undefined" : std::string(name);
  }
  MILLRACE_CHECK(false);
  return {};
}

std::string_view TypeName(const Value& value) {
  return value.is_list() ? SequenceName(value.list().sequence) : KindName(value.kind());
}

bool IsTrue(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.real() != 0;
    case Kind::kString:
      return !value.string().empty();
    case Kind::kList:
      return value.list().sequence == Sequence::kGenerator || !value.list().items.empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    case Kind::kNamespace:
    case Kind::kFunction:
    case Kind::kLoop:
      return true;
  }
  MILLRACE_CHECK(false);
  return false;
}

void CheckKey(const Value& key) { CheckKeyAt(key, 0); }

bool Equal(Heap& heap, const Value& a, const Value& b, int depth) {
  heap.Work(1);
  if (depth > kDeepestValue) Fail("values to compare are nested too deeply");
  if (a.is_number() && b.is_number()) {
    if (std::isnan(a.real()) || std::isnan(b.real())) return false;
    return CompareNumbers(a, b) == 0;
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return false;  // done above
    case Kind::kString:
      if (a.string().size() == b.string().size()) heap.WorkOnText(a.string().size());
      return a.string() == b.string();
    case Kind::kList: {
      if (&a.list() == &b.list()) return true;
      if (a.list().sequence != b.list().sequence) return false;
      const auto same = [&](const Value& x, const Value& y) {
        return Equal(heap, x, y, depth + 1);
      };
      return std::equal(a.list().items.begin(), a.list().items.end(), b.list().items.begin(),
                        b.list().items.end(), same);
    }
    case Kind::kDict:
      return &a.dict() == &b.dict() || EqualDicts(heap, a.dict(), b.dict(), depth);
    case Kind::kNamespace:
      return &a.dict() == &b.dict();
    case Kind::kFunction:
      return &a.function() == &b.function();
    case Kind::kLoop:
      return &a.loop() == &b.loop();
  }
  MILLRACE_CHECK(false);
  return false;
}

bool Less(Heap& heap, const Value& a, const Value& b, int depth) {
  heap.Work(1);
  if (depth > kDeepestValue) Fail("values to compare are nested too deeply");
  if (a.is_undefined()) Fail("{}", UndefinedMessage(a));
  if (b.is_undefined()) Fail("{}", UndefinedMessage(b));
  if (a.is_number() && b.is_number()) {
    if (std::isnan(a.real()) || std::isnan(b.real())) return false;
    return CompareNumbers(a, b) < 0;
  }
  if (a.is_string() && b.is_string()) return a.string() < b.string();  // UTF-8 keeps the order
  if (a.is_list() && b.is_list() && a.list().sequence == b.list().sequence) {
    const auto &x = a.list().items, &y = b.list().items;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!Equal(heap, x[i], y[i], depth + 1)) return Less(heap, x[i], y[i], depth + 1);
    }
    return x.size() < y.size();
  }
  Fail("'<' not supported between instances of '{}' and '{}'", TypeName(a), TypeName(b));
}

}  // namespace millrace::jinja

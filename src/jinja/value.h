// A value of a template: what Python's None, bool, int, float, str, list, tuple, dict and function
// are to Jinja2, and its Undefined.
//
// A Value is a tag and a word, copied freely; texts, lists, dicts and functions lie in the Heap of
// the rendering (jinja/heap.h) and live until it ends. Copies share what they point to, as in
// Python: an append is seen through every name. Since nothing is freed before the end, values may
// point at each other in circles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::jinja {

class Heap;
class Interpreter;
struct List;
struct Dict;
struct Function;
struct Loop;

enum class Kind : std::uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kDict,
  kNamespace,  // namespace(): a Dict whose entries are attributes
  kFunction,
  kLoop,  // the `loop` of a for
};

// Why a value is undefined: its name is unknown, or something has no such attribute.
enum class Missing : std::uint8_t { kName, kAttribute, kOther };

class Value {
 public:
  Value() = default;  // undefined, of no name
  static Value None() { return Value(Kind::kNone); }
  static Value Bool(bool value);
  static Value Int(std::int64_t value);
  static Value Float(double value);
  // The bytes must outlive the rendering: the template's, the input's, or the heap's.
  static Value String(std::string_view bytes);
  static Value Of(List* list);
  static Value Of(Dict* dict, Kind kind = Kind::kDict);
  static Value Of(Function* function);
  static Value Of(Loop* loop);
  // `name` must outlive the rendering; `owner` is the type of what has no attribute `name`.
  static Value Undefined(std::string_view name, Missing why, Kind owner = Kind::kUndefined);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_none() const { return kind_ == Kind::kNone; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_list() const { return kind_ == Kind::kList; }
  bool is_dict() const { return kind_ == Kind::kDict; }
  // Python's numbers: bool is an int.
  bool is_integral() const { return kind_ == Kind::kBool || kind_ == Kind::kInt; }
  bool is_number() const { return is_integral() || kind_ == Kind::kFloat; }

  // Each for its kind only, but integer() for a bool and real() for every number too.
  bool boolean() const { return integer_ != 0; }
  std::int64_t integer() const { return integer_; }
  double real() const { return is_integral() ? static_cast<double>(integer_) : real_; }
  std::string_view string() const { return {bytes_, size_}; }
  List& list() const { return *list_; }
  Dict& dict() const { return *dict_; }
  Function& function() const { return *function_; }
  Loop& loop() const { return *loop_; }
  Missing missing() const { return missing_; }

 private:
  explicit Value(Kind kind) : kind_(kind) {}

  Kind kind_ = Kind::kUndefined;
  Missing missing_ = Missing::kOther;
  Kind owner_ = Kind::kUndefined;
  union {
    std::int64_t integer_ = 0;
    double real_;
    const char* bytes_;
    List* list_;
    Dict* dict_;
    Function* function_;
    Loop* loop_;
  };
  std::size_t size_ = 0;  // of bytes_

  friend std::string UndefinedMessage(const Value& value);
};

// What made a list: Python has a type for each, and prints and tests them differently.
enum class Sequence : std::uint8_t { kList, kTuple, kRange, kGenerator, kKeys, kValues, kItems };

struct List {
  std::vector<Value> items;
  Sequence sequence = Sequence::kList;
};

// The order of dict keys among themselves in the index. It has nothing to do with Python's `<`.
struct KeyLess {
  bool operator()(const Value& a, const Value& b) const;
};

// Entries in the order of insertion. An index finds keys in large ones; 1, 1.0 and true are one
// key.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  std::map<Value, std::size_t, KeyLess> index;  // of `entries`; empty while they are few

  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const { return Find(Value::String(key)); }
  void Erase(const Value& key);  // if it is there
  void Clear();
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

struct Function {
  std::string_view name;
  std::function<Value(Interpreter&, const Arguments&)> call;
};

// "'x' is undefined" and the like.
std::string UndefinedMessage(const Value& value);

// Python's name of its type: "str", "dict", "NoneType".
std::string_view TypeName(const Value& value);

// Python's bool().
bool IsTrue(const Value& value);

// A key must be hashable: fails for lists, dicts and tuples of them.
void CheckKey(const Value& key);

// Python's ==, counted as work of `heap`. `depth` bounds the nesting of what is compared.
bool Equal(Heap& heap, const Value& a, const Value& b, int depth = 0);

// Python's <; fails where Python has no order.
bool Less(Heap& heap, const Value& a, const Value& b, int depth = 0);

// The nesting at which Equal, Less, Str and tojson give up, since values may contain themselves.
inline constexpr int kDeepestValue = 200;

}  // namespace millrace::jinja

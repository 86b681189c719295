#include "jinja/heap.h"

#include <algorithm>
#include <cstring>

#include "jinja/failure.h"

namespace millrace::jinja {
namespace {

constexpr std::size_t kBlockBytes = 16 << 10;
constexpr std::size_t kIndexFrom = 16;
constexpr std::size_t kIndexNodeBytes = 80;  // of a std::map, about

}  // namespace

Value Heap::NewString(std::string_view bytes) {
  if (bytes.empty()) return Value::String("");
  char* copy = NewBytes(bytes.size());
  std::memcpy(copy, bytes.data(), bytes.size());
  return Value::String({copy, bytes.size()});
}

Value Heap::Concatenate(std::string_view left, std::string_view right) {
  if (left.empty()) return Value::String(right);
  if (right.empty()) return Value::String(left);
  Work(1 + right.size() / 32);
  const bool is_last = block_ != nullptr && !std::less<>()(left.data(), block_) &&
                       left.data() + left.size() == free_;
  if (is_last && right.size() <= free_bytes_) {
    std::memcpy(NewBytes(right.size()), right.data(), right.size());
    return Value::String({left.data(), left.size() + right.size()});
  }
  Work(left.size() / 32);
  // Room to grow, if this is going to be repeated; what is not used stays free.
  const std::size_t size = left.size() + right.size();
  if (size > free_bytes_) {
    const std::size_t block_bytes = std::max(kBlockBytes, 2 * size);
    Charge(block_bytes);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes));
    block_ = free_ = blocks_.back().get();
    free_bytes_ = block_bytes;
  }
  char* bytes = NewBytes(size);
  std::memcpy(bytes, left.data(), left.size());
  std::memcpy(bytes + left.size(), right.data(), right.size());
  return Value::String({bytes, size});
}

char* Heap::NewBytes(std::size_t size) {
  if (size > free_bytes_) {
    const std::size_t block_bytes = std::max(kBlockBytes, size);
    Charge(block_bytes);
    WorkOnText(size);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes));
    // A large string has a block of its own; the rest of the last one stays in use.
    if (size > kBlockBytes / 4 && free_bytes_ > 0) return blocks_.back().get();
    block_ = free_ = blocks_.back().get();
    free_bytes_ = block_bytes;
  }
  char* bytes = free_;
  free_ += size;
  free_bytes_ -= size;
  return bytes;
}

List* Heap::NewList(Sequence sequence) {
  Charge(sizeof(List));
  return &lists_.emplace_back(List{{}, sequence});
}

Dict* Heap::NewDict() {
  Charge(sizeof(Dict));
  return &dicts_.emplace_back();
}

Function* Heap::NewFunction(std::string_view name,
                            std::function<Value(Interpreter&, const Arguments&)> call) {
  Charge(sizeof(Function) + 64);
  return &functions_.emplace_back(Function{name, std::move(call)});
}

Value Heap::NewTuple(std::initializer_list<Value> items) {
  List* tuple = NewList(Sequence::kTuple);
  for (const Value& item : items) Append(*tuple, item);
  return Value::Of(tuple);
}

void Heap::Append(List& list, const Value& item) {
  Work(1);
  Charge(sizeof(Value));
  list.items.push_back(item);
}

void Heap::Set(Dict& dict, const Value& key, const Value& value) {
  Work(1);
  CheckKey(key);
  if (Value* found = const_cast<Value*>(dict.Find(key)); found != nullptr) {
    *found = value;
    return;
  }
  Charge(sizeof(std::pair<Value, Value>));
  dict.entries.emplace_back(key, value);
  if (dict.entries.size() < kIndexFrom) return;
  Charge(kIndexNodeBytes);
  if (!dict.index.empty()) {
    dict.index.emplace(key, dict.entries.size() - 1);
    return;
  }
  for (std::size_t i = 0; i < dict.entries.size(); ++i)
    dict.index.emplace(dict.entries[i].first, i);
}

void Heap::Charge(std::size_t bytes) {
  if (bytes > limits_.most_memory_bytes - charged_bytes_) {
    FailExhausted("the template needs more than {} bytes of memory", limits_.most_memory_bytes);
  }
  charged_bytes_ += bytes;
}

void Heap::OutOfSteps() const {
  FailExhausted("the template takes more than {} steps: does it end?", limits_.most_steps);
}

}  // namespace millrace::jinja

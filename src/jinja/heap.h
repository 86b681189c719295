// Everything a rendering makes, in one place that is given back at its end, and the counters that
// bound what a template may use: it comes with a model file, from anybody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jinja/template.h"
#include "jinja/value.h"

namespace millrace::jinja {

class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // A string of the heap with these bytes.
  Value NewString(std::string_view bytes);
  // `left` and `right` in one. Appending again and again to what was built last costs only the new
  // bytes: its bytes are the last ones of the heap, and grow where they lie.
  Value Concatenate(std::string_view left, std::string_view right);
  // `size` bytes to fill in.
  char* NewBytes(std::size_t size);

  List* NewList(Sequence sequence = Sequence::kList);
  Dict* NewDict();
  Function* NewFunction(std::string_view name,
                        std::function<Value(Interpreter&, const Arguments&)> call);
  Value NewTuple(std::initializer_list<Value> items);

  // Appending and setting go through here, so that they are counted.
  void Append(List& list, const Value& item);
  void Set(Dict& dict, const Value& key, const Value& value);  // checks the key

  // Counts work: a step is an expression or a statement, an item of a list, or some bytes of a
  // text that something looks at.
  void Work(std::uint64_t steps) {
    steps_ += steps;
    if (steps_ > limits_.most_steps) OutOfSteps();
  }
  void WorkOnText(std::size_t bytes) { Work(1 + bytes / 32); }
  // Counts memory that somebody else holds for the rendering.
  void Charge(std::size_t bytes);

 private:
  [[noreturn]] void OutOfSteps() const;

  const Limits limits_;
  std::uint64_t steps_ = 0;
  std::size_t charged_bytes_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  const char* block_ = nullptr;  // the one that strings are being put into
  char* free_ = nullptr;         // its free part
  std::size_t free_bytes_ = 0;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Function> functions_;
};

// A string while it is made, counted before it grows.
class TextBuilder {
 public:
  explicit TextBuilder(Heap& heap) : heap_(heap) {}
  void Add(std::string_view bytes) {
    heap_.WorkOnText(bytes.size());
    heap_.Charge(bytes.size());
    text_ += bytes;
  }
  void Add(std::size_t times, char c) {
    heap_.WorkOnText(times);
    heap_.Charge(times);
    text_.append(times, c);
  }
  std::size_t size() const { return text_.size(); }
  Value Finish() const { return heap_.NewString(text_); }

 private:
  Heap& heap_;
  std::string text_;
};

}  // namespace millrace::jinja

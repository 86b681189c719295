// How deep a rendering is in itself: expressions, statements and calls within each other.
#pragma once

#include "jinja/failure.h"
#include "jinja/interpreter.h"

namespace millrace::jinja {

class Interpreter::Nesting {
 public:
  Nesting(int& depth, int deepest) : depth_(depth) {
    if (depth_ >= deepest) FailExhausted("the template nests deeper than {}", deepest);
    ++depth_;
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

}  // namespace millrace::jinja

// Python's two ways to put values into a text: "%s %5.2f" % values, and "{} {0:>8}
// {name}".format().
#pragma once

#include <string_view>

#include "jinja/interpreter.h"
#include "jinja/value.h"

namespace millrace::jinja {

// `values`: a tuple with one value a conversion, a dict for %(name)s, or a single value.
Value FormatPercent(Heap& heap, std::string_view format, const Value& values);

Value FormatBraces(Interpreter& interpreter, std::string_view format, const Arguments& arguments);

}  // namespace millrace::jinja

// value is name(arguments)
#pragma once

#include <string_view>

#include "jinja/interpreter.h"
#include "jinja/value.h"

namespace millrace::jinja {

using Test = bool (*)(Interpreter&, const Value& value, const Arguments&);

// Null if there is none of this name.
Test FindTest(std::string_view name);

}  // namespace millrace::jinja

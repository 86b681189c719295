// value | name(arguments)
#pragma once

#include <string_view>

#include "jinja/interpreter.h"
#include "jinja/value.h"

namespace millrace::jinja {

using Filter = Value (*)(Interpreter&, const Value& value, const Arguments&);

// Null if there is none of this name.
Filter FindFilter(std::string_view name);

// By what they work on; FindFilter asks these.
Filter FindTextFilter(std::string_view name);
Filter FindSequenceFilter(std::string_view name);
Filter FindValueFilter(std::string_view name);

}  // namespace millrace::jinja

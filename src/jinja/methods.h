// The methods that Python's str, list, tuple and dict have.
#pragma once

#include <string_view>

#include "jinja/interpreter.h"
#include "jinja/value.h"

namespace millrace::jinja {

using Method = Value (*)(Interpreter&, const Value& self, const Arguments&);

// Null if a value of this type has no such method.
Method FindMethod(const Value& self, std::string_view name);

// By type; FindMethod asks these.
Method FindStringMethod(std::string_view name);
Method FindListMethod(std::string_view name);
Method FindTupleMethod(std::string_view name);
Method FindDictMethod(std::string_view name);

}  // namespace millrace::jinja

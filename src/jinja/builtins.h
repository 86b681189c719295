// The functions that every template has: range, namespace, dict, joiner, cycler, raise_exception,
// strftime_now.
#pragma once

#include <optional>
#include <string_view>

#include "jinja/heap.h"
#include "jinja/value.h"

namespace millrace::jinja {

// Nothing if there is none of this name.
std::optional<Value> FindBuiltin(Heap& heap, std::string_view name);

}  // namespace millrace::jinja

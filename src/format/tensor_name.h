// Names out of files that may be damaged: in messages, and as names of tensors, which are printed
// a line each.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// Not empty, not longer than a tensor's name may be, without control characters.
bool IsTensorName(std::string_view name);

// Fit for a message of one line: anything that is not plain ASCII as \x and two digits, cut after a
// hundred bytes.
std::string Shown(std::string_view name);

}  // namespace millrace

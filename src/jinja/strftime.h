// A moment as a text, as Python's strftime writes it in the C locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::jinja {

// `seconds`: since 1970-01-01 00:00:00 on the clock to be read. Throws Failure for a conversion
// that is not known, and for years outside 1 to 9999.
std::string FormatTime(std::int64_t seconds, std::string_view format);

}  // namespace millrace::jinja

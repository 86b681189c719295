// Numbers beyond the range of a double, as Python reads them.
#pragma once

#include <limits>
#include <string_view>

namespace millrace::jinja {

// What a well-formed decimal stands for that std::from_chars calls out of range: infinity, or 0 if
// it is small.
inline double OutOfRange(std::string_view decimal) {
  const bool negative = decimal.starts_with('-');
  const std::size_t digit = decimal.find_first_of("123456789");
  const std::size_t exponent = decimal.find_first_of("eE");
  const std::size_t dot = decimal.find('.');
  const bool small = exponent != decimal.npos ? decimal.substr(exponent + 1).starts_with('-')
                                              : dot != decimal.npos && dot < digit;
  const double magnitude = small ? 0.0 : std::numeric_limits<double>::infinity();
  return negative ? -magnitude : magnitude;
}

}  // namespace millrace::jinja

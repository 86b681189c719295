// Division that rounds up.
#pragma once

#include <type_traits>

namespace millrace {

// How many groups of `size` hold `count` things: count at least 0, size above 0.
template <typename T>
constexpr T CeilDiv(T count, std::type_identity_t<T> size) {
  return (count + size - 1) / size;
}

}  // namespace millrace

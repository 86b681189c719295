// Indices that could be mixed up are types: TokenId{3} is not SlotId{3}.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace millrace {

template <typename Tag>
struct TypedIndex {
  std::int32_t value = 0;

  friend constexpr auto operator<=>(TypedIndex, TypedIndex) = default;
  constexpr std::size_t index() const { return static_cast<std::size_t>(value); }
};

using TokenId = TypedIndex<struct TokenIdTag>;

}  // namespace millrace

// Lambdas as the one visitor of a variant, so that the compiler finds the forgotten alternative.
#pragma once

namespace millrace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace millrace

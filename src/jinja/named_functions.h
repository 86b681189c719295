// A table from names to functions, made once: filters, tests and methods.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::jinja {

template <typename Function>
class NamedFunctions {
 public:
  NamedFunctions(std::initializer_list<std::pair<std::string_view, Function>> functions)
      : functions_(functions) {
    std::sort(functions_.begin(), functions_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  // Null if there is none.
  Function Find(std::string_view name) const {
    const auto found =
        std::lower_bound(functions_.begin(), functions_.end(), name,
                         [](const auto& entry, std::string_view n) { return entry.first < n; });
    return found != functions_.end() && found->first == name ? found->second : nullptr;
  }

 private:
  std::vector<std::pair<std::string_view, Function>> functions_;
};

}  // namespace millrace::jinja

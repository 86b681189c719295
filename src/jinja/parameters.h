// The arguments of a filter, test, method or function, by name or place, checked.
//
//     const Parameters parameters("replace", arguments, {"old", "new", "count"}, /*required=*/2);
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "jinja/failure.h"
#include "jinja/value.h"

namespace millrace::jinja {

class Parameters {
 public:
  Parameters(std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> names, std::size_t required = 0)
      : function_(function), names_(names), values_(names.size(), nullptr) {
    if (arguments.positional.size() > names_.size()) {
      Fail("{}() takes at most {} arguments, not {}", function, names_.size(),
           arguments.positional.size());
    }
    for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
      values_[i] = &arguments.positional[i];
    }
    for (const auto& [name, value] : arguments.named) {
      const auto found = std::find(names_.begin(), names_.end(), name);
      if (found == names_.end()) Fail("{}() takes no argument named '{}'", function, name);
      values_[static_cast<std::size_t>(found - names_.begin())] = &value;
    }
    for (std::size_t i = 0; i < required; ++i) {
      if (values_[i] == nullptr) Fail("{}() lacks its argument '{}'", function, names_[i]);
    }
  }

  // Null if it is not given.
  const Value* Get(std::size_t i) const { return values_[i]; }
  bool Has(std::size_t i) const { return values_[i] != nullptr && !values_[i]->is_none(); }

  // The fallback also for None.
  std::int64_t Int(std::size_t i, std::int64_t fallback) const {
    if (!Has(i)) return fallback;
    if (!values_[i]->is_integral()) FailType(i, "an int");
    return values_[i]->integer();
  }
  std::string_view String(std::size_t i, std::string_view fallback) const {
    if (!Has(i)) return fallback;
    if (!values_[i]->is_string()) FailType(i, "a str");
    return values_[i]->string();
  }
  bool Bool(std::size_t i, bool fallback) const {
    return values_[i] == nullptr ? fallback : IsTrue(*values_[i]);
  }

 private:
  [[noreturn]] void FailType(std::size_t i, std::string_view wanted) const {
    Fail("{}() wants {} for '{}', not '{}'", function_, wanted, names_[i], TypeName(*values_[i]));
  }

  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace millrace::jinja

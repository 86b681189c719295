// Bad input is a Result: either a value, or an Error that says in one line where, what was found
// and what was wanted.
//
//     Result<Checkpoint> checkpoint = Checkpoint::Load(path);
//     if (!checkpoint.ok()) return checkpoint.error();
//
// or, inside a function that returns a Result itself,
//
//     MILLRACE_TRY(const Checkpoint checkpoint, Checkpoint::Load(path));
//
// Our own bugs are CHECKs (base/check.h); no exception crosses a folder.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace millrace {

// What the caller can do about an error.
enum class ErrorCode {
  kInvalid,      // the input is wrong: repair it
  kUnsupported,  // the input is fine, this program cannot handle it
  kNotFound,     // a file or a name that does not exist
  kExhausted,    // too little memory, context or another resource
  kIo,           // the operating system failed
};

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;  // one line: where, found, wanted
};

template <typename... Args>
Error Invalid(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kInvalid, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error Unsupported(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kUnsupported, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error NotFound(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kNotFound, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error Exhausted(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kExhausted, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error IoError(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorCode::kIo, fmt::format(format, std::forward<Args>(args)...)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  const Error& error() const {
    MILLRACE_CHECK(!ok());
    return std::get<1>(state_);
  }
  T& value() & {
    MILLRACE_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    MILLRACE_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    MILLRACE_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

// The result of something that has no value to give.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return !error_.has_value(); }
  const Error& error() const {
    MILLRACE_CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace millrace

#define MILLRACE_CONCAT_INNER(a, b) a##b
#define MILLRACE_CONCAT(a, b) MILLRACE_CONCAT_INNER(a, b)

// Returns the error of `expression` from the enclosing function, or defines `declaration` from its
// value.
#define MILLRACE_TRY(declaration, expression) \
  MILLRACE_TRY_INNER(MILLRACE_CONCAT(try_result_, __LINE__), declaration, expression)
#define MILLRACE_TRY_INNER(result, declaration, expression) \
  auto result = (expression);                               \
  if (!result.ok()) return result.error();                  \
  declaration = std::move(result).value()

// The same for a Result<void>.
#define MILLRACE_TRY_VOID(expression)                       \
  do {                                                      \
    if (auto try_result = (expression); !try_result.ok()) { \
      return try_result.error();                            \
    }                                                       \
  } while (false)

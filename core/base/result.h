#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/base/error.h"

namespace orch {

/// Wraps an error so that it converts to any Result.
struct Failure {
  Error error{};
};

[[nodiscard]] inline Failure fail(ErrorKind kind, std::string message) {
  return Failure{Error{kind, std::move(message)}};
}
[[nodiscard]] inline Failure fail(Error error) {
  return Failure{std::move(error)};
}

/// A value or the reason why there is none. Offers only what std::expected offers too.
template <typename T = void>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return fail(...)` are the two ways to make one.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}                  // NOLINT
  Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}  // NOLINT

  [[nodiscard]] explicit operator bool() const { return state_.index() == 0; }
  [[nodiscard]] bool has_value() const { return state_.index() == 0; }

  [[nodiscard]] T& operator*() & { return value_ref(); }
  [[nodiscard]] const T& operator*() const& {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& operator*() && { return std::move(value_ref()); }
  [[nodiscard]] T* operator->() { return &value_ref(); }
  [[nodiscard]] const T* operator->() const { return &**this; }

  [[nodiscard]] T value_or(T other) && {
    return has_value() ? std::move(value_ref()) : std::move(other);
  }

  [[nodiscard]] const Error& error() const& {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    assert(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  T& value_ref() {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

/// Success without a value, or the reason of the failure.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Failure failure) : error_(std::move(failure.error)) {}  // NOLINT

  [[nodiscard]] explicit operator bool() const { return !error_; }
  [[nodiscard]] bool has_value() const { return !error_; }

  [[nodiscard]] const Error& error() const& {
    assert(error_);
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    assert(error_);
    return *std::move(error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace orch

#define ORCH_CONCAT_EXPANDED(a, b) a##b
#define ORCH_CONCAT(a, b) ORCH_CONCAT_EXPANDED(a, b)

/// Passes a failure up; goes on after a success. The value, if any, is dropped.
#define ORCH_TRY(expression)                                               \
  do {                                                                     \
    auto orch_result = (expression);                                       \
    if (!orch_result) return ::orch::fail(std::move(orch_result).error()); \
  } while (false)

/// Declares or assigns the value of a Result, or passes its failure up:
/// `ORCH_ASSIGN(const Instance source, store.find(key));`
#define ORCH_ASSIGN(target, expression) \
  ORCH_ASSIGN_USING(target, expression, ORCH_CONCAT(orch_result_, __LINE__))
#define ORCH_ASSIGN_USING(target, expression, result)          \
  auto result = (expression);                                  \
  if (!result) return ::orch::fail(std::move(result).error()); \
  target = *std::move(result)

#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace orch {

/// What a caller can do about a failure; the message is for people only.
enum class ErrorKind {
  InvalidInput,  ///< the request is wrong; repeating it cannot help
  NotFound,      ///< the thing named does not exist
  Unreachable,   ///< network, name or timeout; a retry may help
  Denied,        ///< credentials or privileges
  Refused,       ///< a safety check said no
  Conflict,      ///< somebody else holds it: lock, block period, leadership
  Broken,        ///< a server or the store answered something we cannot use
};

/// A failure as a value. The message is lower case, without a full stop, names the server or
/// file concerned, and never holds a password.
struct Error {
  ErrorKind kind{ErrorKind::Broken};
  std::string message{};
  /// The server at the other end said no itself: it is up, whatever the reason.
  bool by_server{false};
  /// Its host is up, and nobody takes connections there.
  bool nobody_listens{false};
  /// It did not answer in time: what it was asked for may be done there all the same.
  bool timed_out{false};

  /// The same error, told from one layer further up: "<context>: <message>".
  [[nodiscard]] Error within(std::string_view context) && {
    message.insert(0, ": ").insert(0, context);
    return std::move(*this);
  }
  [[nodiscard]] Error within(std::string_view context) const& {
    return Error(*this).within(context);
  }

  friend bool operator==(const Error&, const Error&) = default;
};

/// Whether it failed for the connection's sake.
[[nodiscard]] inline bool is_connection_failure(const Error& error) {
  return error.kind == ErrorKind::Unreachable && !error.by_server;
}

}  // namespace orch

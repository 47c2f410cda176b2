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

}  // namespace orch

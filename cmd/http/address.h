#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/secret.h"

namespace orch::cmd {

/// Where an HTTP service is.
struct HttpAddress {
  bool tls{false};
  std::string host{};    ///< without brackets; what a certificate must be for
  std::string port{};    ///< a number
  std::string socket{};  ///< a Unix socket's path, in place of host and port
  std::string path{};    ///< "/prefix/api", without a slash at its end
  std::string user{};    ///< of "user:password@"
  Secret password{};
  /// Where to connect in place of `host`, for a name that is this machine's own.
  std::string connect_to{};
};

/// The address of an API, as the shell client takes it: "http://[user:password@]host[:port][/...]",
/// "https://..." or "http://unix:/path/to/socket:[/...]"; "/api" is appended when it is not its
/// end. Errors: InvalidInput, which do not show the password.
Result<HttpAddress> parse_api_address(std::string_view url);

/// As it may be shown: without user and password.
std::string to_string(const HttpAddress& address);

/// "user:password" in the form of the header Authorization.
std::string basic_authorization(const std::string& user, const std::string& password);

}  // namespace orch::cmd

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/secret.h"

namespace orch {

/// User and password of a credentials file; what the file does not name is empty.
struct Credentials {
  std::string user{};
  Secret password{};
};

/// Reads the [client] section of a my.cnf-like file: `name = value`, comments from # or ; on,
/// double quotes with the escapes \\ \" \n \t, a backslash before a line end joins two lines.
/// Other sections and names are ignored.
/// Errors: InvalidInput with the line, never with what stands there.
Result<Credentials> parse_credentials(std::string_view text);

/// Answers an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The name in the first "${" ... last "}" of the text; nothing without them.
std::optional<std::string> variable_in(std::string_view text);

}  // namespace orch

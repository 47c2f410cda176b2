#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cmd/http/message.h"
#include "core/base/result.h"
#include "core/config/settings.h"

namespace orch::cmd {

/// Who asks, and what may be done in that name.
struct Caller {
  std::string user{};  ///< "" when the method knows none
  bool may_write{false};
  std::optional<HttpResponse> refusal{};  ///< not let in at all
};

/// Answers whether an access token's two halves are those of a token in force.
using TokenCheck = std::function<bool(const std::string& publicly, const std::string& secret)>;

/// Whether a service starts with these. Errors: InvalidInput.
Result<> check_access(const HttpSettings& settings);

/// AuthenticationMethod, ReadOnly, and with mutual TLS the client's organisational units
/// (specification of the service, 4 and 5). Constant time where a password is compared.
Caller caller_of(const HttpRequest& request, const HttpSettings& settings,
                 const TokenCheck& is_live_token);

}  // namespace orch::cmd

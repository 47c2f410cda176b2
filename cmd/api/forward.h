#pragma once

#include <string>

#include "cmd/http/message.h"
#include "core/config/settings.h"

namespace orch::cmd {

/// Whether another node has passed this request on already: it is not passed on once more.
bool was_forwarded(const HttpRequest& request);

/// The answer of the node at `url` ("http://host:port") to the same request. `waits_long`: what is
/// asked may take as long as a recovery. An answer of status 502 when there is none.
HttpResponse forwarded(const HttpRequest& request, const std::string& url, bool waits_long,
                       const HttpSettings& settings);
/// The same for a command (exchange.h), whose progress is passed on as it comes.
HttpResponse forwarded_command(const HttpRequest& request, const std::string& url,
                               const HttpSettings& settings);

}  // namespace orch::cmd

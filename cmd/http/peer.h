#pragma once

#include <memory>
#include <string>

#include "cmd/http/client.h"
#include "core/base/result.h"
#include "core/config/settings.h"

namespace orch::cmd {

/// A connection to another node of this one's group, with the certificates that this node serves
/// with. Errors: those of HttpConnection::open; InvalidInput, a bad URL.
Result<std::unique_ptr<HttpConnection>> connect_to_node(const std::string& url,
                                                        const HttpPatience& patience,
                                                        const HttpSettings& settings);

}  // namespace orch::cmd

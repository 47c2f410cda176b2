#pragma once

#include "cmd/http/message.h"

namespace orch::cmd {

/// Compresses a body that is worth it, where the client says that it accepts gzip: the door to
/// zlib. What cannot be compressed stays as it is.
void compress_if_wanted(const HttpRequest& request, HttpResponse& response);

}  // namespace orch::cmd

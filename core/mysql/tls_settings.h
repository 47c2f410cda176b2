#pragma once

#include "core/config/settings.h"
#include "core/mysql/connection.h"

namespace orch {

/// How connections to the topology use TLS.
TlsOptions tls_options(const ConnectionSettings& from);

}  // namespace orch

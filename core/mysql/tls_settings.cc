#include "core/mysql/tls_settings.h"

namespace orch {

TlsOptions tls_options(const ConnectionSettings& from) {
  TlsOptions tls{.ca_file = from.mysql_topology_ssl_ca_file,
                 .cert_file = from.mysql_topology_ssl_cert_file,
                 .key_file = from.mysql_topology_ssl_private_key_file,
                 .skip_verify = from.mysql_topology_ssl_skip_verify};
  if (from.mysql_topology_use_mutual_tls) {
    tls.policy = TlsPolicy::Always;
  } else if (from.mysql_topology_use_mixed_tls) {
    tls.policy = TlsPolicy::Mixed;
  }
  return tls;
}

}  // namespace orch

#include "cmd/http/peer.h"

#include "cmd/http/address.h"

namespace orch::cmd {

Result<std::unique_ptr<HttpConnection>> connect_to_node(const std::string& url,
                                                        const HttpPatience& patience,
                                                        const HttpSettings& settings) {
  ORCH_ASSIGN(const HttpAddress address, parse_api_address(url));
  HttpClientTls tls{.verify = !settings.ssl_skip_verify, .ca_file = settings.ssl_ca_file};
  if (settings.use_mutual_tls) {
    tls.certificate_file = settings.ssl_cert_file;
    tls.key_file = settings.ssl_private_key_file;
  }
  return HttpConnection::open(address, tls, patience);
}

}  // namespace orch::cmd

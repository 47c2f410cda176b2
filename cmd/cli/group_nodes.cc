#include "cmd/cli/group_nodes.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/raft.h"
#include "ha/raft/endpoint.h"

namespace orch::cmd {

namespace {

/// Of this node, as a URL; "": it answers on a socket only.
std::string own_url(const Config& config) {
  const HttpSettings& http = config.http;
  if (!config.raft.http_advertise.empty()) return config.raft.http_advertise;
  if (!http.listen_socket.empty()) return "";
  const std::string port = http.listen_address.substr(http.listen_address.rfind(':') + 1);
  const std::string_view scheme = http.use_ssl ? "https" : "http";
  return fmt::format("{}://localhost:{}", scheme, port.empty() && http.use_ssl ? "443" : port);
}

}  // namespace

std::vector<HttpAddress> group_addresses(const Config& config,
                                         const std::vector<std::string>& known,
                                         const ServiceAccess& access) {
  std::vector<HttpAddress> addresses;
  const auto add = [&](const std::string& url, const std::string& host) {
    const auto one = addresses_of({url}, access);
    if (!one) return;  // of a node that listens on a socket alone
    addresses.push_back(one->front());
    if (!host.empty()) addresses.back().host = host;
  };
  for (const std::string& url : known)
    add(url, "");
  const std::string like = own_url(config);
  for (const std::string& node : config.raft.raft_nodes) {
    const auto place = ha::raft::parse_endpoint(full_address(config.raft, node));
    if (place) add(like, place->host);
  }
  std::vector<HttpAddress> found;
  for (HttpAddress& address : addresses) {
    // All nodes have the same prefix; what they say of each other is without it.
    if (address.path == "/api" && config.http.url_prefix.size() > 1) {
      address.path = config.http.url_prefix + address.path;
    }
    const auto same = [&](const HttpAddress& other) {
      return to_string(other) == to_string(address);
    };
    if (std::ranges::none_of(found, same)) found.push_back(std::move(address));
  }
  return found;
}

}  // namespace orch::cmd

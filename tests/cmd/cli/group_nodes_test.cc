#include "cmd/cli/group_nodes.h"

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

std::vector<std::string> places(const Config& config, const std::vector<std::string>& known = {}) {
  std::vector<std::string> texts;
  for (const HttpAddress& address : group_addresses(config, known, {}))
    texts.push_back(to_string(address));
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_SUITE("cmd/cli/group_nodes") {
  TEST_CASE("nodes are where they said, and on the hosts of RaftNodes where this one would be") {
    Config config;
    config.raft.raft_nodes = {"orch1", "orch2:10009", "[::1]:10008"};
    CHECK(places(config, {"http://orch2:3000", "http://other:80"}) ==
          Texts{"http://orch2:3000/api", "http://other:80/api", "http://orch1:3000/api",
                "http://[::1]:3000/api"});
    config.http.listen_address = "127.0.0.1:3001";
    config.http.use_ssl = true;
    config.http.url_prefix = "/orch";
    config.raft.raft_nodes = {"orch1"};
    CHECK(places(config, {"https://orch2:3001"}) ==
          Texts{"https://orch2:3001/orch/api", "https://orch1:3001/orch/api"});
    config.raft.http_advertise = "https://proxied:8443/orch";
    CHECK(places(config) == Texts{"https://orch1:8443/orch/api"});
  }

  TEST_CASE("nodes on sockets are looked for only where they said") {
    Config config;
    config.http.listen_socket = "/run/orch.sock";
    config.raft.raft_nodes = {"orch1"};
    CHECK(places(config).empty());
    CHECK(places(config, {"http://orch2:0", "http://orch1:3000"}) ==
          Texts{"http://orch1:3000/api"});
  }
}

}  // namespace orch::cmd

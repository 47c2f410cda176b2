#include "cmd/api/route.h"

namespace orch::cmd {

namespace {

ApiAnswer no_agents(ApiCall& /*call*/) {
  return api_error("Agents not served");
}

}  // namespace

std::vector<ApiRoute> unserved_routes() {
  std::vector<ApiRoute> routes;
  const auto add = [&](std::string pattern, ApiAnswer (*answer)(ApiCall&), bool writes,
                       bool local) {
    routes.push_back(
        {.pattern = std::move(pattern), .answer = answer, .writes = writes, .local = local});
  };
  for (const char* path :
       {"agents", "agent/:host", "agent-umount/:host", "agent-mount/:host",
        "agent-create-snapshot/:host", "agent-removelv/:host", "agent-mysql-stop/:host",
        "agent-mysql-start/:host", "agent-seed/:targetHost/:sourceHost", "agent-active-seeds/:host",
        "agent-recent-seeds/:host", "agent-seed-details/:seedId", "agent-seed-states/:seedId",
        "agent-abort-seed/:seedId", "agent-custom-command/:host/:command", "seeds"}) {
    add(path, no_agents, true, false);
  }
  // Retired: always an error.
  routes.push_back({.pattern = "reload-cluster-alias",
                    .answer = [](ApiCall&) { return api_error("This API call has been retired"); },
                    .writes = true});
  return routes;
}

}  // namespace orch::cmd

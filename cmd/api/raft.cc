#include "cmd/command/raft.h"

#include <algorithm>

#include "cmd/api/route.h"
#include "cmd/serve/service.h"
#include "core/json/json.h"
#include "ha/raft/group.h"

namespace orch::cmd {

namespace {

using ha::raft::Group;
using ha::raft::Peer;

/// An answer that only a node of a raft group has.
std::function<ApiAnswer(ApiCall&)> of_group(ApiAnswer (*answer)(ApiCall&, Group&)) {
  return [answer](ApiCall& call) {
    Group* group = call.service.coordination().group();
    return group == nullptr ? api_error("this node does not run with raft") : answer(call, *group);
  };
}

ApiAnswer bare_text(const std::string& text) {
  return api_bare(dump(Json(text)));
}

ApiAnswer answer_state(ApiCall& /*call*/, Group& group) {
  return bare_text(group.status().state);
}

ApiAnswer answer_leader(ApiCall& /*call*/, Group& group) {
  return bare_text(group.status().leader);
}

ApiAnswer answer_peers(ApiCall& /*call*/, Group& group) {
  Json peers = Json::array();
  for (const Peer& peer : group.status().peers)
    peers.push_back(peer.address);
  return api_bare(dump(peers));
}

ApiAnswer answer_health(ApiCall& /*call*/, Group& group) {
  return is_sound(group.status()) ? bare_text("healthy") : api_error("unhealthy");
}

ApiAnswer answer_status(ApiCall& call, Group& group) {
  return api_bare(dump(raft_status_json(call.services, group)));
}

ApiAnswer answer_snapshot(ApiCall& /*call*/, Group& group) {
  const Result<> taken = group.take_snapshot();
  return taken ? bare_text("snapshot created") : api_error(taken.error());
}

ApiAnswer answer_yield(ApiCall& call, Group& group) {
  const Result<> done = yield_to(group, call.parameter("node"));
  return done ? api_ok("Yielded to " + call.parameter("node")) : api_error(done.error());
}

ApiAnswer answer_yield_hint(ApiCall& call, Group& group) {
  const std::string& hint = call.parameter("hint");
  const Result<> done = yield_to_hint(group, hint);
  return done ? api_ok("Yielded to " + hint, dump(Json(hint))) : api_error(done.error());
}

ApiAnswer answer_add(ApiCall& call, Group& group) {
  const std::string address = full_address(call.services.config().raft, call.parameter("addr"));
  const Result<> done = group.add(address);
  return done ? bare_text(address) : api_error(done.error());
}

ApiAnswer answer_remove(ApiCall& call, Group& group) {
  const std::string address = full_address(call.services.config().raft, call.parameter("addr"));
  const Result<> done = group.remove(address);
  return done ? bare_text(address) : api_error(done.error());
}

ApiAnswer answer_report(ApiCall& /*call*/, Group& /*group*/) {
  return api_error("this token was not issued: nodes of orch report to each other by raft");
}

}  // namespace

std::vector<ApiRoute> raft_routes() {
  const auto own = [](std::string pattern, ApiAnswer (*answer)(ApiCall&, Group&)) {
    return ApiRoute{.pattern = std::move(pattern), .answer = of_group(answer), .local = true};
  };
  const auto leaders = [](std::string pattern, ApiAnswer (*answer)(ApiCall&, Group&)) {
    return ApiRoute{.pattern = std::move(pattern), .answer = of_group(answer), .writes = true};
  };
  return {own("raft-state", answer_state),
          own("raft-leader", answer_leader),
          own("raft-peers", answer_peers),
          own("raft-health", answer_health),
          own("raft-status", answer_status),
          {.pattern = "raft-snapshot",
           .answer = of_group(answer_snapshot),
           .writes = true,
           .local = true},
          leaders("raft-yield/:node", answer_yield),
          leaders("raft-yield-hint/:hint", answer_yield_hint),
          leaders("raft-add-peer/:addr", answer_add),
          leaders("raft-remove-peer/:addr", answer_remove),
          own("raft-follower-health-report/:authenticationToken/:raftBind/:raftAdvertise",
              answer_report)};
}

}  // namespace orch::cmd

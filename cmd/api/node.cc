#include <algorithm>

#include <fmt/format.h>

#include "cmd/api/figures.h"
#include "cmd/api/openapi.h"
#include "cmd/api/route.h"
#include "cmd/command/raft.h"
#include "cmd/serve/service.h"
#include "core/base/text.h"
#include "ha/raft/group.h"
#include "storage/node_store.h"

namespace orch::cmd {

namespace {

constexpr std::string_view kZeroTime = "0001-01-01T00:00:00Z";

ApiRoute local(std::string pattern, std::function<ApiAnswer(ApiCall&)> answer,
               bool writes = false) {
  return {
      .pattern = std::move(pattern), .answer = std::move(answer), .writes = writes, .local = true};
}

Json node_json(const storage::Node& node) {
  return {{"Hostname", node.identity.hostname},
          {"Token", node.identity.token},
          {"AppVersion", node.app_version},
          {"FirstSeenActive", node.first_seen},
          {"LastSeenActive", node.last_seen},
          {"ExtraInfo", node.mode},
          {"Command", node.command},
          {"DBBackend", node.backend},
          {"LastReported", kZeroTime}};
}

/// Why a node has no group, when it knows: it may have been taken out of it.
std::string apart_text(const ha::raft::Status& raft) {
  const std::string text = "no part of a quorum";
  return raft.trouble.empty() ? text : fmt::format("{}: {} {}", text, raft.self, raft.trouble);
}

ApiAnswer answer_health(ApiCall& call) {
  const std::optional<Error> problem = call.service.backend_problem();
  const Result<Neighbours> read = call.service.neighbours();
  const Neighbours around = read ? *read : Neighbours{};
  storage::Node active;
  if (around.leader) {
    active.identity = around.leader->node;
    if (around.leader->since) active.first_seen = format_time(*around.leader->since);
    if (around.leader->renewed) active.last_seen = format_time(*around.leader->renewed);
  }
  Json available = Json::array();
  for (const storage::Node& node : around.nodes) {
    if (node.mode == "HttpMode") available.push_back(node_json(node));
  }
  const ha::raft::Group* group = call.service.coordination().group();
  const ha::raft::Status raft = group == nullptr ? ha::raft::Status{} : group->status();
  // Without a majority it neither acts nor knows.
  const bool apart = group != nullptr && !call.service.watches();
  const bool healthy = !problem && read && !apart && raft.trouble.empty();
  const Json details = {{"Healthy", healthy},
                        {"Hostname", call.services.self().hostname},
                        {"Token", call.services.self().token},
                        {"IsActiveNode", call.service.leading().has_value()},
                        {"ActiveNode", node_json(active)},
                        {"Error", problem    ? Json(problem->message)
                                  : apart    ? Json(apart_text(raft))
                                  : !read    ? Json(read.error().message)
                                  : !healthy ? Json(raft.self + " " + raft.trouble)
                                             : Json(nullptr)},
                        {"AvailableNodes", available},
                        {"RaftLeader", raft.leader},
                        {"IsRaftLeader", group != nullptr && group->leading().has_value()},
                        {"RaftLeaderURI", around.leader_url},
                        {"RaftAdvertise", raft.self},
                        {"RaftHealthyMembers", call.service.healthy_members()}};
  return healthy ? api_ok("Application node is healthy", dump(details))
                 : api_error("Application node is unhealthy", dump(details));
}

ApiAnswer answer_fine(ApiCall& /*call*/) {
  return api_bare("\"OK\"");
}

ApiAnswer answer_leader_check(ApiCall& call) {
  if (call.service.leading()) return api_bare("\"OK\"");
  const auto code = parse_uint(call.parameter("errorStatusCode"));
  const bool usable = code && *code >= 200 && *code <= 599;
  return api_bare("\"Not leader\"", usable ? static_cast<int>(*code) : 404);
}

ApiAnswer answer_headers(ApiCall& call) {
  Json headers = Json::object();
  for (const auto& [name, value] : call.request.headers)
    headers[printable(name)].push_back(value);
  return api_bare(dump(headers));
}

ApiAnswer answer_grab(ApiCall& call) {
  const Result<> taken = call.service.coordination().grab();
  return taken ? api_ok("Node grabbed election as leader") : api_error(taken.error());
}

ApiAnswer answer_reelect(ApiCall& call) {
  const Result<> vacated = call.service.coordination().vacate();
  return vacated ? api_ok("Set re-elections") : api_error(vacated.error());
}

ApiAnswer answer_reset_cache(ApiCall& call) {
  const Result<Reply> reply = call.run("reset-hostname-resolve-cache");
  return reply ? api_ok("Hostname cache cleared") : api_error(reply.error());
}

ApiAnswer answer_reload(ApiCall& call) {
  const std::string extra = call.request.query("config");
  const Result<> reloaded = call.service.reload(extra);
  if (!reloaded) return api_error(reloaded.error());
  return api_ok("Config reloaded", dump(Json(extra)));
}

/// The whole seconds that a metrics call looks back.
std::optional<std::uint64_t> seconds_of(const ApiCall& call) {
  return parse_uint(call.parameter("seconds"));
}

ApiAnswer answer_raw(ApiCall& call) {
  const auto seconds = seconds_of(call);
  if (!seconds || *seconds == 0) return api_error("give a number of seconds, at least 1");
  return api_bare(dump(raw_discoveries(call.service.probe_log().since(
      std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400))))));
}

ApiAnswer answer_aggregated(ApiCall& call) {
  const std::uint64_t seconds = std::min<std::uint64_t>(seconds_of(call).value_or(0), 86'400);
  return api_bare(
      dump(aggregated_discoveries(call.service.probe_log().since(std::chrono::seconds(seconds)))));
}

/// The samples of the seconds that the call names.
template <typename Sample>
std::vector<Sample> samples_of(const ApiCall& call, const Recent<Sample>& log) {
  const std::uint64_t seconds = std::min<std::uint64_t>(seconds_of(call).value_or(0), 86'400);
  return log.since(std::chrono::seconds(seconds));
}

ApiAnswer answer_writes(ApiCall& call, bool aggregated) {
  const auto samples = samples_of(call, call.service.write_log());
  return api_bare(dump(aggregated ? aggregated_writes(samples, call.service.config().backend)
                                  : raw_writes(samples)));
}

ApiAnswer answer_queries(ApiCall& call, bool aggregated) {
  const auto samples = samples_of(call, call.service.query_log());
  return api_bare(dump(aggregated ? aggregated_queries(samples) : raw_queries(samples)));
}

/// The samples of a queue; nothing: there is none by that name. Only with a limit of its own does
/// the reference have a queue for servers that do not answer.
std::optional<std::vector<QueueSample>> samples_of_queue(const ApiCall& call, std::size_t seconds) {
  const std::string& queue = call.parameter("queue");
  const bool apart = call.service.config().discovery.dead_instance_discovery_max_concurrency > 0;
  const bool dead = apart && queue == "DEADINSTANCES";
  if (!dead && !queue.empty() && queue != "DEFAULT") return std::nullopt;
  std::vector<QueueSample> samples;
  for (const QueueSamples& moment : call.service.queue_log(seconds)) {
    QueueSample sample = dead ? moment.dead : moment.all;
    if (apart && !dead) {
      sample.active -= std::min(sample.active, moment.dead.active);
      sample.queued -= std::min(sample.queued, moment.dead.queued);
    }
    samples.push_back(sample);
  }
  return samples;
}

ApiAnswer answer_queue(ApiCall& call, bool aggregated) {
  const auto seconds = seconds_of(call);
  if (!seconds) return api_error("give a number of seconds");
  const auto samples = samples_of_queue(call, static_cast<std::size_t>(*seconds));
  if (!samples) return api_error("Unknown queue: " + call.parameter("queue"));
  return api_bare(dump(aggregated ? aggregated_queue(*samples) : raw_queue(*samples)));
}

}  // namespace

std::vector<ApiRoute> node_routes() {
  std::vector<ApiRoute> routes = {
      local("headers", answer_headers),
      local("openapi.json", [](ApiCall&) { return api_bare(openapi_document()); }),
      local("health", answer_health),
      local("lb-check", answer_fine),
      local("_ping", answer_fine),
      local("leader-check", answer_leader_check),
      local("leader-check/:errorStatusCode", answer_leader_check),
      {.pattern = "routed-leader-check", .answer = answer_leader_check},
      local("grab-election", answer_grab, true),
      {.pattern = "reelect", .answer = answer_reelect, .writes = true},
      local("reload-configuration", answer_reload, true),
      local("reset-hostname-resolve-cache", answer_reset_cache, true),
      {.pattern = "discovery-metrics-raw/:seconds", .answer = answer_raw},
      {.pattern = "discovery-metrics-aggregated/:seconds", .answer = answer_aggregated},
      {.pattern = "backend-query-metrics-raw/:seconds",
       .answer =
           [](ApiCall& call) {
             return answer_queries(call, false);
           }},
      {.pattern = "backend-query-metrics-aggregated/:seconds",
       .answer =
           [](ApiCall& call) {
             return answer_queries(call, true);
           }},
      {.pattern = "write-buffer-metrics-raw/:seconds",
       .answer =
           [](ApiCall& call) {
             return answer_writes(call, false);
           }},
      {.pattern = "write-buffer-metrics-aggregated/:seconds",
       .answer =
           [](ApiCall& call) {
             return answer_writes(call, true);
           }},
      // The path that StatusEndpoint names: api.cc.
      local("status", answer_health),
  };
  for (const std::string_view queue : {"", ":queue/"}) {
    const std::string middle = "/" + std::string(queue) + ":seconds";
    routes.push_back(
        {.pattern = "discovery-queue-metrics-raw" + middle, .answer = [](ApiCall& call) {
           return answer_queue(call, false);
         }});
    routes.push_back(
        {.pattern = "discovery-queue-metrics-aggregated" + middle, .answer = [](ApiCall& call) {
           return answer_queue(call, true);
         }});
  }
  return routes;
}

}  // namespace orch::cmd

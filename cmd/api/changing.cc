#include <fmt/format.h>

#include "cmd/api/route.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/serve/service.h"
#include "core/base/text.h"
#include "storage/cluster_store.h"
#include "storage/maintenance_store.h"

namespace orch::cmd {

namespace {

ApiRoute changing(std::string pattern, std::function<ApiAnswer(ApiCall&)> answer) {
  return {.pattern = std::move(pattern), .answer = std::move(answer), .writes = true};
}

ApiAnswer answer_discover(ApiCall& call) {
  const auto key = parse_key(call.services, call.args.instance);
  if (!key) return api_error(fmt::format("'{}' names no instance", call.args.instance));
  const Result<Instance> found = probe_and_record(call.services, *key);
  call.service.look_again();
  if (found) {
    Json shown = call.shown(*found);
    shown["Problems"] = Json::array();  // they are told of records only
    return api_ok("Instance discovered: " + to_string(found->key), dump(shown));
  }
  if (found.error().kind == ErrorKind::Refused) return api_ok(found.error().message);
  return api_error(found.error());
}

/// The look-around is the engine's work in any case: it begins with a bare record.
ApiAnswer answer_async_discover(ApiCall& call) {
  const auto key = parse_key(call.services, call.args.instance);
  if (!key) return api_error(fmt::format("'{}' names no instance", call.args.instance));
  const Result<> kept = call.services.instances().insert_if_absent(*key, false);
  if (!kept) return api_error(kept.error());
  call.service.look_again();
  return api_ok("Asynchronous discovery initiated for " + to_string(*key),
                dump(Json{{"Key", to_json(*key)}}));
}

ApiAnswer answer_refresh(ApiCall& call) {
  const Result<InstanceKey> key = instance_argument(call.services, call.args);
  if (!key) return api_error(key.error());
  const Result<Instance> found = probe_and_record(call.services, *key);
  if (!found) return api_error(found.error());
  return api_ok("Instance refreshed: " + to_string(*key), dump(to_json(*key)));
}

ApiAnswer answer_forget_cluster(ApiCall& call) {
  const Result<Reply> reply = call.run("forget-cluster");
  return reply ? api_ok("Cluster forgotten: " + call.args.instance) : api_error(reply.error());
}

/// For that literal name.
ApiAnswer answer_set_alias(ApiCall& call) {
  const std::string alias(trim(call.request.query("alias")));
  const std::string& cluster = call.parameter("clusterName");
  if (alias.empty()) return api_error("give the alias: ?alias=...");
  if (const Result<> fits = check_name("the alias", alias); !fits) return api_error(fits.error());
  if (const Result<> fits = check_name("the cluster's name", cluster); !fits) {
    return api_error(fits.error());
  }
  storage::ClusterStore clusters = call.services.clusters();
  if (const Result<> kept = clusters.save_alias_override(cluster, alias); !kept) {
    return api_error(kept.error());
  }
  if (const Result<> kept = clusters.save_alias(cluster, alias); !kept) {
    return api_error(kept.error());
  }
  audit(call.services, "set-cluster-alias", {},
        fmt::format("cluster: {}, alias: {}", cluster, alias));
  call.service.look_again();
  return api_ok(fmt::format("Cluster {} now has alias '{}'", cluster, printable(alias)));
}

ApiAnswer answer_end_maintenance_by_id(ApiCall& call) {
  const std::optional<std::int64_t> id = parse_int(call.parameter("maintenanceKey"));
  if (!id) return api_error("the maintenance key is a number");
  storage::MaintenanceStore store(call.services.database(), call.services.clock(),
                                  call.services.self());
  const Result<bool> ended = store.end(*id);
  if (!ended) return api_error(ended.error());
  return api_ok(fmt::format("Maintenance ended: {}", *id), std::to_string(*id));
}

ApiAnswer answer_begin_maintenance(ApiCall& call) {
  ApiAnswer answer = answer_key("begin-maintenance", "maintenance begun")(call);
  if (answer.kind == ApiAnswer::Kind::Error) answer.json = "0";
  return answer;
}

ApiAnswer answer_register_candidate(ApiCall& call) {
  const auto rule = parse_promotion_rule(call.parameter("promotionRule"));
  if (!rule || *rule == PromotionRule::Must) {
    return api_error("the promotion rule is one of prefer, neutral, prefer_not, must_not");
  }
  call.args.promotion_rule = *rule;
  return answer_key("register-candidate", "registered as candidate")(call);
}

ApiAnswer answer_submit_pool(ApiCall& call) {
  call.args.instance = call.request.query("instances");
  const Result<Reply> reply = call.run("submit-pool-instances");
  if (!reply) return api_error(reply.error());
  return api_ok("Applied " + call.args.pool + " pool instances", dump(Json(call.args.pool)));
}

ApiAnswer answer_untag(ApiCall& call) {
  const Result<Reply> reply = call.run("untag");
  if (!reply) return api_error(reply.error());
  Json keys = Json::array();
  const Json key = Json::parse(reply->json, nullptr, false);
  if (key.is_object()) keys.push_back(key);
  return api_ok(fmt::format("{} removed from {} instances", call.args.tag, keys.size()),
                dump(keys));
}

ApiAnswer answer_untag_all(ApiCall& call) {
  if (!call.parameter("tag").empty()) {
    call.args.tag = fmt::format("{}={}", call.parameter("tag"), call.parameter("tagValue"));
  }
  const Result<Reply> reply = call.run("untag-all");
  if (!reply) return api_error(reply.error());
  return api_ok(fmt::format("{} removed from {} instances", call.args.tag, reply->lines.size()),
                reply->json);
}

ApiAnswer answer_tag(ApiCall& call) {
  if (call.parameters.contains("tagValue")) {
    call.args.tag = fmt::format("{}={}", call.parameter("tag"), call.parameter("tagValue"));
  }
  return answer_key("tag", "tagged")(call);
}

ApiAnswer answer_snapshot(ApiCall& call) {
  const auto begun = std::chrono::steady_clock::now();
  const Result<Reply> reply = call.run("snapshot-topologies");
  if (!reply) return api_error(reply.error());
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  return api_ok("Topology Snapshot completed",
                dump(Json(fmt::format("Took {:.1f}ms", took.count()))));
}

ApiAnswer answer_submit_masters(ApiCall& call) {
  const Result<Reply> reply = call.run("submit-masters-to-kv-stores");
  if (!reply) return api_error(reply.error());
  return api_ok(fmt::format("Submitted {} masters", reply->lines.size()), reply->json);
}

ApiAnswer answer_delay(ApiCall& call) {
  const std::string& seconds = call.parameter("seconds");
  if (!parse_uint(seconds)) return api_error("the delay is a number of seconds");
  call.args.duration = seconds + "s";
  const Result<Reply> reply = call.run("delay-replication");
  if (!reply) return api_error(reply.error());
  return api_ok(fmt::format("{}: replicates with a delay of {} s", call.args.instance, seconds),
                seconds);
}

ApiAnswer answer_restart_statements(ApiCall& call) {
  const Result<Reply> reply = call.run("restart-replica-statements");
  if (!reply) return api_error(reply.error());
  return api_ok("Statements to restart replication", reply->json);
}

ApiAnswer answer_gtid_logs(ApiCall& call) {
  const Result<Reply> reply = call.run("locate-gtid-errant");
  if (!reply) return api_error(reply.error());
  return api_ok("located errant GTID", dump(Json(reply->lines)));
}

/// The command says file:pos:entry.
ApiAnswer answer_last_pseudo_gtid(ApiCall& call) {
  const Result<Reply> reply = call.run("last-pseudo-gtid");
  if (!reply) return api_error(reply.error());
  const std::string line = reply->lines.empty() ? "" : reply->lines.front();
  const std::size_t file_end = line.find(':');
  const std::size_t place_end =
      file_end == std::string::npos ? file_end : line.find(':', file_end + 1);
  if (place_end == std::string::npos) return api_error("no Pseudo-GTID entry");
  return api_ok(line.substr(0, place_end), dump(Json(line.substr(place_end + 1))));
}

ApiAnswer answer_purge(ApiCall& call) {
  call.args.accept_loss = call.request.query("force") == "true";
  return answer_instance("purge-binary-logs", "binary logs purged")(call);
}

ApiAnswer answer_kill_query(ApiCall& call) {
  call.args.statement = call.parameter("process");
  return answer_instance("kill-query", "query killed")(call);
}

std::vector<ApiRoute> replication_routes() {
  struct Switch {
    std::string_view path{};
    std::string_view command{};
    std::string_view message{};
  };
  constexpr Switch kSwitches[] = {
      {"enable-gtid", "enable-gtid", "GTID positioning is on"},
      {"disable-gtid", "disable-gtid", "GTID positioning is off"},
      {"gtid-errant-reset-master", "gtid-errant-reset-master", "errant GTIDs are removed"},
      {"gtid-errant-inject-empty", "gtid-errant-inject-empty",
       "errant GTIDs are injected on the master"},
      {"skip-query", "skip-query", "query skipped"},
      {"start-slave", "start-replica", "replication started"},
      {"start-replica", "start-replica", "replication started"},
      {"restart-slave", "restart-replica", "replication restarted"},
      {"restart-replica", "restart-replica", "replication restarted"},
      {"stop-slave", "stop-replica", "replication stopped"},
      {"stop-replica", "stop-replica", "replication stopped"},
      {"stop-slave-nice", "stop-replica-nice", "replication stopped"},
      {"stop-replica-nice", "stop-replica-nice", "replication stopped"},
      {"reset-slave", "reset-replica", "replication reset"},
      {"reset-replica", "reset-replica", "replication reset"},
      {"change-master-credentials", "change-master-credentials", "credentials changed"},
      {"detach-slave", "detach-replica-master-host", "detached"},
      {"detach-replica", "detach-replica-master-host", "detached"},
      {"detach-slave-master-host", "detach-replica-master-host", "detached"},
      {"detach-replica-master-host", "detach-replica-master-host", "detached"},
      {"reattach-slave", "reattach-replica-master-host", "reattached"},
      {"reattach-replica", "reattach-replica-master-host", "reattached"},
      {"reattach-slave-master-host", "reattach-replica-master-host", "reattached"},
      {"reattach-replica-master-host", "reattach-replica-master-host", "reattached"},
      {"flush-binary-logs", "flush-binary-logs", "binary logs flushed"},
      {"enable-semi-sync-master", "enable-semi-sync-master", "semi-sync master enabled"},
      {"disable-semi-sync-master", "disable-semi-sync-master", "semi-sync master disabled"},
      {"enable-semi-sync-source", "enable-semi-sync-master", "semi-sync source enabled"},
      {"disable-semi-sync-source", "disable-semi-sync-master", "semi-sync source disabled"},
      {"enable-semi-sync-replica", "enable-semi-sync-replica", "semi-sync replica enabled"},
      {"disable-semi-sync-replica", "disable-semi-sync-replica", "semi-sync replica disabled"},
      {"set-read-only", "set-read-only", "read-only"},
      {"set-writeable", "set-writeable", "writable"},
  };
  std::vector<ApiRoute> routes;
  for (const Switch& each : kSwitches) {
    routes.push_back(
        changing(std::string(each.path) + "/H",
                 answer_instance(std::string(each.command), std::string(each.message))));
  }
  routes.push_back(changing("purge-binary-logs/H/:binlog", answer_purge));
  routes.push_back(changing("kill-query/H/:process", answer_kill_query));
  routes.push_back({.pattern = "locate-gtid-errant/H", .answer = answer_gtid_logs});
  routes.push_back(changing("last-pseudo-gtid/H", answer_last_pseudo_gtid));
  routes.push_back(changing("delay-replication/H/:seconds", answer_delay));
  for (const std::string_view name : {"restart-slave-statements", "restart-replica-statements"})
    routes.push_back(changing(std::string(name) + "/H", answer_restart_statements));
  return routes;
}

}  // namespace

std::vector<ApiRoute> changing_routes() {
  std::vector<ApiRoute> routes = {
      changing("discover/H", answer_discover),
      changing("async-discover/H", answer_async_discover),
      changing("refresh/H", answer_refresh),
      changing("forget/H", answer_key("forget", "forgotten")),
      changing("forget-cluster/C", answer_forget_cluster),
      changing("set-cluster-alias/:clusterName", answer_set_alias),
      changing("begin-maintenance/H/:owner/:reason", answer_begin_maintenance),
      changing("end-maintenance/H", answer_key("end-maintenance", "maintenance ended")),
      changing("end-maintenance/:maintenanceKey", answer_end_maintenance_by_id),
      changing("begin-downtime/H/:owner/:reason", answer_key("begin-downtime", "downtime begun")),
      changing("begin-downtime/H/:owner/:reason/:duration",
               answer_key("begin-downtime", "downtime begun")),
      changing("end-downtime/H", answer_key("end-downtime", "downtime ended")),
      changing("register-candidate/H/:promotionRule", answer_register_candidate),
      changing("register-hostname-unresolve/H/:hostname",
               answer_key("register-hostname-unresolve", "virtual name registered")),
      changing("deregister-hostname-unresolve/H",
               answer_key("deregister-hostname-unresolve", "virtual name deregistered")),
      changing("submit-pool-instances/:pool", answer_submit_pool),
      changing("tag/H", answer_tag),
      changing("tag/H/:tag/:tagValue", answer_tag),
      changing("untag/H", answer_untag),
      changing("untag/H/:tag", answer_untag),
      changing("untag-all", answer_untag_all),
      changing("untag-all/:tag/:tagValue", answer_untag_all),
      changing("snapshot-topologies", answer_snapshot),
      changing("submit-masters-to-kv-stores", answer_submit_masters),
      changing("submit-masters-to-kv-stores/C", answer_submit_masters),
  };
  for (ApiRoute& route : replication_routes())
    routes.push_back(std::move(route));
  return routes;
}

}  // namespace orch::cmd

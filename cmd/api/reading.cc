#include <algorithm>

#include <fmt/format.h>

#include "cmd/api/route.h"
#include "cmd/command/names.h"
#include "core/base/pattern.h"
#include "core/base/text.h"
#include "storage/hostname_store.h"
#include "storage/pool_store.h"

namespace orch::cmd {

namespace {

ApiRoute reading(std::string pattern, std::function<ApiAnswer(ApiCall&)> answer) {
  return {.pattern = std::move(pattern), .answer = std::move(answer)};
}

ApiAnswer instances_answer(const ApiCall& call, const Result<std::vector<Instance>>& found) {
  if (!found) return api_error(found.error());
  ArrayText list;
  for (const Instance& instance : *found)
    list.add(call.shown(instance));
  return api_bare(std::move(list).end());
}

ApiAnswer answer_one(ApiCall& call) {
  const Result<Json> instance = call.instance();
  return instance ? api_bare(dump(*instance)) : api_error(instance.error());
}

ApiAnswer answer_search(ApiCall& call) {
  storage::InstanceFilter filter;
  filter.search = std::string(trim(call.args.pattern));
  return instances_answer(
      call, call.services.instances().list(filter, storage::InstanceOrder::Importance));
}

ApiAnswer answer_clusters(ApiCall& call) {
  const auto names = call.services.clusters().list_names();
  return names ? api_bare(dump(Json(*names))) : api_error(names.error());
}

/// Of the list that `clusters` gives, the one that is hinted at.
ApiAnswer answer_cluster_info(ApiCall& call) {
  const Result<std::string> name = cluster_argument(call.services, call.args);
  if (!name) return api_error(name.error());
  const Result<Reply> all = call.run("clusters");
  if (!all) return api_error(all.error());
  for (const Json& cluster : Json::parse(all->json, nullptr, false)) {
    if (cluster.value("ClusterName", "") == *name) return api_bare(dump(cluster));
  }
  return api_error(fmt::format("No cluster info found for {}", *name));
}

ApiAnswer answer_master(ApiCall& call) {
  const Result<std::string> name = cluster_argument(call.services, call.args);
  if (!name) return api_error(name.error());
  const auto master = call.services.instances().find_cluster_master(*name);
  if (!master) return api_error(master.error());
  if (!*master) return api_error(fmt::format("No masters found for cluster {}", *name));
  return api_bare(dump(call.shown(**master)));
}

ApiAnswer answer_masters(ApiCall& call) {
  return instances_answer(call, call.services.instances().list_cluster_masters());
}

/// `pattern` as in SQL's LIKE. When it does not go on, only the latest % takes one more: the time
/// is the product of the lengths at most.
bool is_like(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::optional<std::size_t> percent;
  std::size_t resume = 0;
  while (at < text.size()) {
    if (in < pattern.size() && pattern[in] == '%') {
      percent = in++;
      resume = at;
    } else if (in < pattern.size() && (pattern[in] == '_' || pattern[in] == text[at])) {
      ++in;
      ++at;
    } else if (percent) {
      in = *percent + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('%', in) == std::string_view::npos;
}

bool has_problem(const Instance& instance, const OperationSettings& settings) {
  const Replication& link = instance.replication;
  const auto odd = [](ThreadState state) {
    return state != ThreadState::None && state != ThreadState::Running;
  };
  const bool lags = link.lag && std::chrono::abs(*link.lag - link.sql_delay) >
                                    settings.reasonable_replication_lag_seconds;
  return !instance.freshness.is_last_check_valid || !instance.freshness.is_recently_checked ||
         odd(link.io_state) || odd(link.sql_state) || lags || !instance.gtid.errant.empty() ||
         (!instance.group.name.empty() && instance.group.state != "ONLINE");
}

ApiAnswer answer_problems(ApiCall& call) {
  const OperationSettings& settings = call.services.config().operation;
  const auto ignored = HostFilter::compile(settings.problem_ignore_hostname_filters);
  if (!ignored) return api_error(ignored.error());
  auto found = call.services.instances().list({});
  if (!found) return api_error(found.error());
  const std::string& cluster = call.parameter("clusterName");
  std::erase_if(*found, [&](const Instance& instance) {
    return instance.downtime.active || !has_problem(instance, settings) ||
           (!cluster.empty() && !is_like(instance.cluster_name, cluster)) ||
           ignored->matches(instance.key.hostname, instance.key.port);
  });
  return instances_answer(call, found);
}

/// An envelope with the command's lines as one text.
std::function<ApiAnswer(ApiCall&)> answer_text(std::string command) {
  return [command = std::move(command)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    return api_ok("Topology for " + call.args.instance, dump(Json(join(reply->lines, "\n"))));
  };
}

ApiAnswer answer_resolve(ApiCall& call) {
  const Result<Reply> reply = call.run("resolve");
  if (!reply) return api_error(reply.error());
  const auto key = parse_key(call.services, reply->lines.empty() ? "" : reply->lines.front());
  if (!key) return api_error("cannot resolve " + call.args.instance);
  return api_ok("Instance resolved", dump(to_json(*key)));
}

ApiAnswer answer_in_maintenance(ApiCall& call) {
  const Result<Reply> reply = call.run("in-maintenance");
  if (!reply) return api_error(reply.error());
  const bool active = !reply->lines.empty();
  return api_ok(active ? "true" : "false", dump(Json(active ? reply->lines.front() : "")));
}

/// Literal cluster names only, as far as pools themselves are asked for.
ApiAnswer answer_pools(ApiCall& call) {
  const auto members = call.services.store<storage::PoolStore>().list();
  if (!members) return api_error(members.error());
  Json pools = Json::object();
  for (const storage::PoolMember& member : *members) {
    if (member.cluster_name != call.parameter("clusterName")) continue;
    if (!call.args.pool.empty() && member.pool != call.args.pool) continue;
    pools[printable(member.pool)].push_back(to_json(member.key));
  }
  return api_ok("Cluster pool instances", dump(pools));
}

ApiAnswer answer_pool_instances(ApiCall& call) {
  const Result<Reply> reply = call.run("which-heuristic-cluster-pool-instances");
  return reply ? api_ok("Heuristic pool instances", reply->json) : api_error(reply.error());
}

ApiAnswer answer_pool_lag(ApiCall& call) {
  const Result<Reply> reply = call.run("which-heuristic-cluster-pool-instances");
  if (!reply) return api_error(reply.error());
  std::optional<std::int64_t> lag;
  for (const Json& instance : Json::parse(reply->json, nullptr, false)) {
    const Json& one = instance["ReplicationLagSeconds"];
    lag = std::max(lag.value_or(0), one.value("Int64", std::int64_t{0}));
  }
  if (!lag) return api_error("No pooled instances found for cluster " + call.args.instance);
  return api_ok("Heuristic pool lag", std::to_string(*lag));
}

std::function<ApiAnswer(ApiCall&)> answer_can_replicate(std::string command) {
  return [command = std::move(command)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    if (reply->lines.empty()) {
      return api_error(reply->notes.empty() ? "false" : reply->notes.front());
    }
    const Result<InstanceKey> key = destination_argument(call.services, call.args);
    return key ? api_ok("true", dump(to_json(*key))) : api_error(key.error());
  };
}

ApiAnswer answer_resolve_cache(ApiCall& call) {
  const auto names = call.services.store<storage::HostnameStore>().list_resolved();
  if (!names) return api_error(names.error());
  Json cache = Json::object();
  const auto minutes = call.services.config().discovery.expiry_hostname_resolves_minutes;
  const auto expires = std::chrono::duration_cast<std::chrono::nanoseconds>(
      (call.services.clock().now() + minutes).time_since_epoch());
  for (const ResolvedName& name : *names) {
    cache[printable(name.hostname)] = {{"Object", name.resolved}, {"Expiration", expires.count()}};
  }
  return api_ok("Cache retrieved", dump(cache));
}

}  // namespace

std::vector<ApiRoute> reading_routes() {
  std::vector<ApiRoute> routes = {
      reading("instance/H", answer_one),
      reading("instance-replicas/H", answer_bare("which-replicas")),
      reading("all-instances", answer_bare("all-instances")),
      reading("search/:s", answer_search),
      reading("search", answer_search),
      reading("cluster/C", answer_bare("which-cluster-instances")),
      reading("cluster/alias/C", answer_bare("which-cluster-instances")),
      reading("cluster/instance/H", answer_bare("which-cluster-instances")),
      reading("cluster-info/C", answer_cluster_info),
      reading("cluster-info/alias/C", answer_cluster_info),
      reading("cluster-osc-slaves/C", answer_bare("which-cluster-osc-replicas")),
      reading("cluster-osc-replicas/C", answer_bare("which-cluster-osc-replicas")),
      reading("clusters", answer_clusters),
      reading("clusters-info", answer_bare("clusters")),
      reading("masters", answer_masters),
      reading("master/C", answer_master),
      reading("downtimed", answer_bare("which-downtimed-instances")),
      reading("downtimed/C", answer_bare("which-downtimed-instances")),
      reading("problems", answer_problems),
      reading("problems/:clusterName", answer_problems),
      reading("resolve/H", answer_resolve),
      reading("tags/H", answer_bare("tags")),
      reading("tag-value/H", answer_bare("tag-value")),
      reading("tag-value/H/:tag", answer_bare("tag-value")),
      reading("tagged", answer_bare("tagged")),
      reading("tagged/H", answer_bare("tagged")),
      reading("maintenance", answer_bare("maintenance")),
      reading("in-maintenance/H", answer_in_maintenance),
      reading("can-replicate-from/H/B", answer_can_replicate("can-replicate-from")),
      reading("can-replicate-from-gtid/H/B", answer_can_replicate("can-replicate-from-gtid")),
      {.pattern = "hostname-resolve-cache", .answer = answer_resolve_cache, .local = true},
  };
  for (const std::string_view form : {"topology", "topology-tabulated", "topology-tags"}) {
    for (const std::string_view of : {"/C", "/H"})
      routes.push_back(
          reading(std::string(form) + std::string(of), answer_text(std::string(form))));
  }
  const auto privileged = [&](std::string pattern, std::function<ApiAnswer(ApiCall&)> answer) {
    routes.push_back({.pattern = std::move(pattern), .answer = std::move(answer), .writes = true});
  };
  privileged("bulk-instances", answer_bare("bulk-instances"));
  privileged("bulk-promotion-rules", answer_bare("bulk-promotion-rules"));
  for (const std::string_view pool : {"", "/:pool"}) {
    const std::string end(pool);
    privileged("cluster-pool-instances/:clusterName" + end, answer_pools);
    privileged("heuristic-cluster-pool-instances/C" + end, answer_pool_instances);
    privileged("heuristic-cluster-pool-lag/C" + end, answer_pool_lag);
  }
  return routes;
}

}  // namespace orch::cmd

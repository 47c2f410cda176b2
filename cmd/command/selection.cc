#include "core/model/selection.h"

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/base/name_lookup.h"
#include "core/base/pattern.h"
#include "core/net/tcp_reach.h"

namespace orch::cmd {

namespace {

Result<InstanceFilter> filter_of(const std::vector<std::string>& entries) {
  ORCH_ASSIGN(HostFilter filter, HostFilter::compile(entries));
  return InstanceFilter([filter = std::move(filter)](const Instance& instance) {
    return filter.matches(instance.key.hostname, instance.key.port);
  });
}

Reply chosen_reply(const Services& services, const Chosen& chosen) {
  std::vector<Instance> instances;
  instances.reserve(chosen.size());
  for (const Instance* instance : chosen)
    instances.push_back(*instance);
  return instances_reply(services, instances);
}

Result<Reply> run_candidate_replica(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const std::optional<Instance> source, services.instances().find(key));
  ORCH_ASSIGN(const std::vector<Instance> replicas, services.instances().list({.source = key}));
  if (replicas.empty()) {
    return fail(ErrorKind::NotFound, fmt::format("No replicas found for {}", to_string(key)));
  }
  ORCH_ASSIGN(const InstanceFilter ignored,
              filter_of(services.config().recovery.promotion_ignore_hostname_filters));
  const Instance* best = candidate_replica(source ? &*source : nullptr, replicas, ignored);
  if (best != nullptr) return key_reply(best->key);
  return fail(
      ErrorKind::Refused,
      fmt::format("chooseCandidateReplica: no candidate replica found for {}", to_string(key)));
}

struct ClusterMembers {
  std::string name{};
  std::vector<Instance> instances{};
  InstanceFilter ignored_for_osc{};
};

Result<ClusterMembers> members_argument(const Services& services, const Args& args) {
  ClusterMembers members;
  ORCH_ASSIGN(members.name, cluster_argument(services, args));
  ORCH_ASSIGN(members.instances, services.instances().list({.cluster = members.name}));
  ORCH_ASSIGN(members.ignored_for_osc,
              filter_of(services.config().operation.osc_ignore_hostname_filters));
  return members;
}

Result<Reply> run_osc_replicas(Services& services, const Args& args) {
  ORCH_ASSIGN(const ClusterMembers members, members_argument(services, args));
  return chosen_reply(services, osc_replicas(members.instances, members.ignored_for_osc));
}

Result<Reply> run_gh_ost_replicas(Services& services, const Args& args) {
  ORCH_ASSIGN(const ClusterMembers members, members_argument(services, args));
  return chosen_reply(services, gh_ost_replicas(members.instances));
}

Result<Reply> run_heuristic_lag(Services& services, const Args& args) {
  ORCH_ASSIGN(const ClusterMembers members, members_argument(services, args));
  const std::optional<std::chrono::seconds> lag =
      heuristic_lag(members.instances, members.ignored_for_osc);
  if (!lag) return fail(ErrorKind::NotFound, "No instances found in GetInstancesMaxLag");
  Reply reply = line_reply(std::to_string(lag->count()));
  reply.json = std::to_string(lag->count());
  return reply;
}

Result<Reply> run_suggest_replacement(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance promoted, known_destination(services, args));
  ORCH_ASSIGN(const InstanceKey failed_key, instance_argument(services, args));
  ORCH_ASSIGN(const std::optional<Instance> failed, services.instances().find(failed_key));
  ORCH_ASSIGN(const std::vector<Instance> members,
              services.instances().list({.cluster = promoted.cluster_name}));
  const RecoverySettings& recovery = services.config().recovery;
  PromotionLimits limits{
      .prevent_cross_data_center = recovery.prevent_cross_data_center_master_failover,
      .prevent_cross_region = recovery.prevent_cross_region_master_failover,
      .rules = services.replication_rules()};
  ORCH_ASSIGN(limits.ignored, filter_of(recovery.promotion_ignore_hostname_filters));
  return key_reply(
      promoted_replacement(members, promoted, failed ? &*failed : nullptr, limits).key);
}

/// Whether anybody listens there, then what the name stands for.
Result<Reply> run_resolve(Services& services, const Args& args) {
  const auto port = static_cast<std::uint16_t>(services.config().connection.default_instance_port);
  const std::optional<InstanceKey> key = parse_instance_key(args.instance, port);
  if (!key) {
    return fail(ErrorKind::InvalidInput, fmt::format("Cannot deduce instance: {}", args.instance));
  }
  const SteadyPoint deadline =
      std::chrono::steady_clock::now() + services.config().backend.mysql_connect_timeout_seconds;
  ORCH_ASSIGN(const NameLookup lookup, look_up_name(key->hostname, deadline));
  ORCH_TRY(reach_tcp(*key, lookup.addresses, deadline));
  return key_reply({lookup.canonical_name, key->port});
}

}  // namespace

std::vector<Command> selection_commands() {
  return {
      {.name = "get-candidate-replica",
       .section = "Classic file:pos relocation",
       .help = "The best promotable replica of an instance, by what is stored",
       .example = "db1.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_candidate_replica},
      {.name = "which-cluster-osc-replicas",
       .section = "Information",
       .help = "List replicas whose lag a schema change should watch",
       .example = "shop",
       .words = {Word::Cluster},
       .run = run_osc_replicas},
      {.name = "which-cluster-gh-ost-replicas",
       .section = "Information",
       .help = "List replicas that a schema change by row images can read from",
       .example = "shop",
       .words = {Word::Cluster},
       .run = run_gh_ost_replicas},
      {.name = "get-cluster-heuristic-lag",
       .section = "Information",
       .help = "The largest lag among the replicas that a schema change should watch",
       .example = "shop",
       .words = {Word::Cluster},
       .run = run_heuristic_lag},
      {.name = "internal-suggest-promoted-replacement",
       .section = "Internal",
       .help = "Which server should finally take the place of a dead master",
       .example = "dead.example promoted.example",
       .words = {Word::Instance, Word::Destination},
       .required = 2,
       .run = run_suggest_replacement},
      {.name = "resolve",
       .section = "Meta",
       .help = "Reach an instance and tell the canonical name of its host",
       .example = "db1:3306",
       .words = {Word::Instance},
       .required = 1,
       .run = run_resolve},
  };
}

}  // namespace orch::cmd

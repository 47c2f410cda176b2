#include "cmd/api/route_text.h"

#include <algorithm>

namespace orch::cmd {

namespace {

constexpr RouteText kRouteTexts[] = {
    // Moving replicas
    {"relocate", "E Instance"},
    {"relocate-below", "E Instance"},
    {"relocate-slaves", "E [Instance]", "", "pattern"},
    {"relocate-replicas", "E [Instance]", "", "pattern"},
    {"regroup-slaves", "E InstanceKey"},
    {"regroup-replicas", "E InstanceKey"},
    {"move-up", "E Instance"},
    {"move-up-slaves", "E [Instance]", "", "pattern"},
    {"move-up-replicas", "E [Instance]", "", "pattern"},
    {"move-below", "E Instance"},
    {"move-equivalent", "E Instance", "Move a replica by binlog places known to be equal"},
    {"repoint", "E Instance"},
    {"repoint-slaves", "E [Instance]", "", "pattern"},
    {"repoint-replicas", "E [Instance]", "", "pattern"},
    {"make-co-master", "E Instance"},
    {"enslave-siblings", "E Instance"},
    {"take-siblings", "E Instance"},
    {"enslave-master", "E Instance"},
    {"take-master", "E Instance"},
    {"master-equivalent", "E [{}]", "Places in other servers' binary logs that equal this one"},
    {"regroup-slaves-bls", "E InstanceKey", "Regroup replicas of a binlog server"},
    {"regroup-replicas-bls", "E InstanceKey", "Regroup replicas of a binlog server"},
    {"move-below-gtid", "E Instance", "Move a replica below another server by GTID"},
    {"move-gtid", "E Instance"},
    {"move-slaves-gtid", "E InstanceKey", "", "pattern"},
    {"move-replicas-gtid", "E InstanceKey", "", "pattern"},
    {"regroup-slaves-gtid", "E InstanceKey"},
    {"regroup-replicas-gtid", "E InstanceKey"},
    {"match", "E Instance", "Move a replica below another server by Pseudo-GTID"},
    {"match-below", "E Instance", "Move a replica below another server by Pseudo-GTID"},
    {"match-up", "E Instance", "Move a replica one level up by Pseudo-GTID"},
    {"match-slaves", "E InstanceKey", "Move replicas below another server by Pseudo-GTID",
     "pattern"},
    {"match-replicas", "E InstanceKey", "Move replicas below another server by Pseudo-GTID",
     "pattern"},
    {"match-up-slaves", "E InstanceKey", "Move replicas one level up by Pseudo-GTID", "pattern"},
    {"match-up-replicas", "E InstanceKey", "Move replicas one level up by Pseudo-GTID", "pattern"},
    {"regroup-slaves-pgtid", "E InstanceKey", "Regroup replicas by Pseudo-GTID"},
    {"regroup-replicas-pgtid", "E InstanceKey", "Regroup replicas by Pseudo-GTID"},
    {"make-master", "E Instance", "Put a replica in its master's place"},
    {"make-local-master", "E Instance", "Put a replica in its intermediate master's place"},
    // Looking
    {"instance", "Instance", "One server"},
    {"instance-replicas", "[Instance]", "The replicas of a server"},
    {"all-instances", "[Instance]"},
    {"search", "[Instance]", "Servers whose name, version or state has that text", "s"},
    {"cluster", "[Instance]", "The servers of a cluster"},
    {"cluster-info", "ClusterInfo", "One cluster"},
    {"cluster-osc-slaves", "[Instance]",
     "Replicas of a cluster that tell how far an online schema change may go"},
    {"cluster-osc-replicas", "[Instance]",
     "Replicas of a cluster that tell how far an online schema change may go"},
    {"clusters", "[string]", "The names of all clusters"},
    {"clusters-info", "[ClusterInfo]", "All clusters"},
    {"masters", "[Instance]", "The masters that take writes, one of each cluster"},
    {"master", "Instance", "The master of a cluster"},
    {"downtimed", "[Instance]", "Servers that are downtimed"},
    {"problems", "[Instance]", "Servers with a problem of replication"},
    {"resolve", "E InstanceKey"},
    {"tags", "[string]"},
    {"tag-value", "string", "", "tag"},
    {"tagged", "[InstanceKey]", "", "tag"},
    {"maintenance", "[Maintenance]", "Servers under maintenance"},
    {"in-maintenance", "E string"},
    {"can-replicate-from", "E InstanceKey"},
    {"can-replicate-from-gtid", "E InstanceKey"},
    {"hostname-resolve-cache", "E {}", "What host names resolve to"},
    {"topology", "E string"},
    {"topology-tabulated", "E string"},
    {"topology-tags", "E string"},
    {"bulk-instances", "[InstanceKey]"},
    {"bulk-promotion-rules", "[{}]"},
    {"cluster-pool-instances", "E {}", "The pools of a cluster and their servers"},
    {"heuristic-cluster-pool-instances", "E [Instance]", "Servers of a cluster's pools that work"},
    {"heuristic-cluster-pool-lag", "E integer", "The worst lag of a cluster's pools, in seconds"},
    // Inventory
    {"discover", "E Instance", "Read a server now and keep what is seen"},
    {"async-discover", "E {}", "Have a server read soon"},
    {"refresh", "E InstanceKey", "Read a known server again"},
    {"forget", "E InstanceKey"},
    {"forget-cluster", "E null"},
    {"set-cluster-alias", "E null", "Give a cluster an alias", "alias"},
    {"begin-maintenance", "E InstanceKey"},
    {"end-maintenance", "E InstanceKey"},
    {"end-maintenance/:maintenanceKey", "E integer", "End a maintenance by its number"},
    {"begin-downtime", "E InstanceKey"},
    {"end-downtime", "E InstanceKey"},
    {"register-candidate", "E InstanceKey"},
    {"register-hostname-unresolve", "E InstanceKey"},
    {"deregister-hostname-unresolve", "E InstanceKey"},
    {"submit-pool-instances", "E string", "", "instances"},
    {"tag", "E InstanceKey", "", "tag"},
    {"untag", "E [InstanceKey]", "", "tag"},
    {"untag-all", "E [InstanceKey]", "", "tag"},
    {"snapshot-topologies", "E string"},
    {"submit-masters-to-kv-stores", "E [KVPair]"},
    // One server
    {"enable-gtid", "E Instance"},
    {"disable-gtid", "E Instance"},
    {"gtid-errant-reset-master", "E Instance"},
    {"gtid-errant-inject-empty", "E Instance"},
    {"skip-query", "E Instance", "Skip the one event that stops a replica"},
    {"start-slave", "E Instance"},
    {"start-replica", "E Instance"},
    {"restart-slave", "E Instance"},
    {"restart-replica", "E Instance"},
    {"stop-slave", "E Instance"},
    {"stop-replica", "E Instance"},
    {"stop-slave-nice", "E Instance", "Stop replication when the SQL thread has caught up"},
    {"stop-replica-nice", "E Instance"},
    {"reset-slave", "E Instance"},
    {"reset-replica", "E Instance"},
    {"change-master-credentials", "E Instance"},
    {"detach-slave", "E Instance"},
    {"detach-replica", "E Instance"},
    {"detach-slave-master-host", "E Instance"},
    {"detach-replica-master-host", "E Instance"},
    {"reattach-slave", "E Instance"},
    {"reattach-replica", "E Instance"},
    {"reattach-slave-master-host", "E Instance"},
    {"reattach-replica-master-host", "E Instance"},
    {"flush-binary-logs", "E Instance"},
    {"purge-binary-logs", "E Instance"},
    {"enable-semi-sync-master", "E Instance"},
    {"disable-semi-sync-master", "E Instance"},
    {"enable-semi-sync-source", "E Instance", "Turn semi-synchronous replication on at a source"},
    {"disable-semi-sync-source", "E Instance", "Turn semi-synchronous replication off at a source"},
    {"enable-semi-sync-replica", "E Instance"},
    {"disable-semi-sync-replica", "E Instance"},
    {"set-read-only", "E Instance"},
    {"set-writeable", "E Instance"},
    {"kill-query", "E Instance", "End a query by its process number"},
    {"locate-gtid-errant", "E [string]", "The binary logs that hold errant transactions"},
    {"last-pseudo-gtid", "E string", "The newest Pseudo-GTID entry of a server"},
    {"delay-replication", "E integer"},
    {"restart-slave-statements", "E [string]", "", "q"},
    {"restart-replica-statements", "E [string]", "", "q"},
    // What fails, and recovery
    {"replication-analysis", "E [ReplicationAnalysis]", "What is wrong, as this node sees it now"},
    {"replication-analysis-changelog", "[{}]", "How verdicts about servers changed"},
    {"recover", "E InstanceKey", "", "skipProcesses"},
    {"recover-lite", "E InstanceKey"},
    {"explain-failover", "E {}", "What a failover would do, and why"},
    {"explain-takeover", "E {}", "What a takeover would do, and why"},
    {"automated-recovery-filters", "E {}", "Which clusters are recovered by themselves"},
    {"audit-recovery-steps", "[RecoveryStep]", "The steps of a recovery"},
    {"active-cluster-recovery", "[TopologyRecovery]", "Recoveries of a cluster that run"},
    {"recently-active-cluster-recovery", "[TopologyRecovery]",
     "Recoveries of a cluster that ended lately"},
    {"recently-active-instance-recovery", "[TopologyRecovery]",
     "Recoveries that promoted a server lately"},
    {"blocked-recoveries", "[{}]", "Recoveries that others stand in the way of"},
    {"ack-recovery", "E string", "Acknowledge recoveries", "comment"},
    {"ack-recovery/instance/H", "E InstanceKey", "Acknowledge the recoveries of a server",
     "comment"},
    {"ack-all-recoveries", "E string", "", "comment"},
    {"disable-global-recoveries", "E string"},
    {"enable-global-recoveries", "E string"},
    {"check-global-recoveries", "E string"},
    {"graceful-master-takeover", "E TopologyRecovery"},
    {"graceful-master-takeover-auto", "E TopologyRecovery"},
    {"force-master-failover", "E TopologyRecovery"},
    {"force-master-takeover", "E TopologyRecovery"},
    {"audit-failure-detection", "[TopologyRecovery]", "Failures that were seen, newest first"},
    {"audit-recovery", "[TopologyRecovery]", "Recoveries, newest first", "unacknowledged"},
    {"audit", "[AuditEntry]", "What was done, newest first"},
    // The node itself
    {"headers", "{}", "The headers of this very request"},
    {"health", "E HealthStatus", "How this node is, and which nodes there are"},
    {"status", "E HealthStatus", "How this node is, and which nodes there are"},
    {"lb-check", "string", "Whether this node answers"},
    {"_ping", "string", "Whether this node answers"},
    {"leader-check", "string", "Whether this node leads: status 200, else 404 or the one given"},
    {"routed-leader-check", "string", "Whether this node leads: status 200, else 404"},
    {"grab-election", "E null", "Make this node lead"},
    {"reelect", "E null", "Have the nodes elect again"},
    {"reload-configuration", "E string", "Read the configuration again", "config"},
    {"reset-hostname-resolve-cache", "E null"},
    {"discovery-metrics-raw", "[{}]", "How looks at servers went, one by one"},
    {"discovery-metrics-aggregated", "{}", "How looks at servers went, in figures"},
    {"discovery-queue-metrics-raw", "[{}]", "How many looks ran and waited, second by second"},
    {"discovery-queue-metrics-aggregated", "{}", "How many looks ran and waited, in figures"},
    {"backend-query-metrics-raw", "[{}]", "Not measured: no samples"},
    {"backend-query-metrics-aggregated", "{}", "Not measured: zeros"},
    {"write-buffer-metrics-raw", "[{}]", "Not measured: no samples"},
    {"write-buffer-metrics-aggregated", "{}", "Not measured: zeros"},
    {"openapi.json", "{}", "This description"},
    {"orch", "{}",
     "Run a command of orch as its command line does: lines of progress, then one with the reply"},
    // What this version does not do
    {"reload-cluster-alias", "E null", "Retired: always an error"},
};

constexpr RouteText kRaft{"raft-", "E null", "Not available: this node does not run with raft", ""};
constexpr RouteText kAgents{"agent", "E null", "Not available: agents are not served", ""};

std::string_view first_word(const ApiRoute& route) {
  return std::string_view(route.pattern).substr(0, route.pattern.find('/'));
}

}  // namespace

const RouteText* text_of(const ApiRoute& route) {
  for (const std::string_view name : {std::string_view(route.pattern), first_word(route)}) {
    const auto* const found = std::ranges::find(kRouteTexts, name, &RouteText::of);
    if (found != std::end(kRouteTexts)) return found;
  }
  const std::string_view first = first_word(route);
  if (first.starts_with(kRaft.of)) return &kRaft;
  if (first.starts_with(kAgents.of) || first == "seeds") return &kAgents;
  return nullptr;
}

std::string_view summary_of(const ApiRoute& route) {
  const RouteText* text = text_of(route);
  if (text != nullptr && !text->summary.empty()) return text->summary;
  const Command* command = find_command(first_word(route));
  return command == nullptr ? std::string_view() : command->help;
}

}  // namespace orch::cmd

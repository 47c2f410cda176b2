#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/json/json.h"
#include "core/model/cluster_filter.h"
#include "storage/attribute_store.h"

namespace orch::cmd {

namespace {

Result<Reply> clusters_reply(const Services& services, bool with_alias) {
  ORCH_ASSIGN(const std::vector<storage::ClusterInfo> clusters, services.clusters().list());
  const RecoverySettings& recovery = services.config().recovery;
  Reply reply;
  Json list = Json::array();
  reply.table.heading = {"CLUSTER", "ALIAS", "DOMAIN", "INSTANCES"};
  for (const storage::ClusterInfo& cluster : clusters) {
    const bool automatic =
        names_cluster(recovery.recover_master_cluster_filters, cluster.name, cluster.alias);
    const bool intermediate = names_cluster(recovery.recover_intermediate_master_cluster_filters,
                                            cluster.name, cluster.alias);
    reply.lines.push_back(with_alias ? cluster.name + "\t" + cluster.alias : cluster.name);
    reply.table.rows.push_back(
        {cluster.name, cluster.alias, cluster.domain, std::to_string(cluster.instance_count)});
    list.push_back({{"ClusterName", cluster.name},
                    {"ClusterAlias", cluster.alias},
                    {"ClusterDomain", cluster.domain},
                    {"CountInstances", cluster.instance_count},
                    {"HeuristicLag", 0},
                    {"HasAutomatedMasterRecovery", automatic},
                    {"HasAutomatedIntermediateMasterRecovery", intermediate}});
  }
  if (clusters.empty()) {
    if (!with_alias) reply.lines.emplace_back();  // the contract's empty line
    reply.notes.emplace_back("no cluster is known yet: start with 'orch discover HOST[:PORT]'");
  }
  reply.json = dump(list);
  return reply;
}

Result<Reply> run_clusters(Services& services, const Args& /*args*/) {
  return clusters_reply(services, false);
}

Result<Reply> run_clusters_alias(Services& services, const Args& /*args*/) {
  return clusters_reply(services, true);
}

Result<Reply> run_all_clusters_masters(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<Instance> masters, services.instances().list_cluster_masters());
  return instances_reply(services, masters);
}

Result<Reply> run_which_cluster(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
  return line_reply(cluster);
}

/// What is known of the cluster that is hinted at; with an empty name the only cluster there is.
Result<storage::ClusterInfo> cluster_info(const Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string name, cluster_argument(services, args));
  if (name.empty()) {
    ORCH_ASSIGN(std::vector<storage::ClusterInfo> all, services.clusters().list());
    if (all.size() == 1) return std::move(all.front());
  } else {
    ORCH_ASSIGN(std::optional<storage::ClusterInfo> found, services.clusters().find(name));
    if (found) return *std::move(found);
  }
  return fail(ErrorKind::NotFound, fmt::format("No cluster info found for {}", name));
}

Result<Reply> run_which_cluster_alias(Services& services, const Args& args) {
  ORCH_ASSIGN(const storage::ClusterInfo info, cluster_info(services, args));
  return line_reply(info.alias);
}

Result<Reply> run_which_cluster_domain(Services& services, const Args& args) {
  ORCH_ASSIGN(const storage::ClusterInfo info, cluster_info(services, args));
  return line_reply(info.domain);
}

Result<std::string> cluster_domain(const Services& services, const std::string& cluster) {
  ORCH_ASSIGN(const std::optional<std::string> domain, services.clusters().find_domain(cluster));
  if (domain && !domain->empty()) return *domain;
  return fail(ErrorKind::NotFound, fmt::format("Cannot find domain name for cluster {}", cluster));
}

Result<Reply> run_heuristic_domain_instance(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
  ORCH_ASSIGN(const std::string domain, cluster_domain(services, cluster));
  ORCH_ASSIGN(const std::optional<std::string> writer,
              services.store<storage::AttributeStore>().find(storage::kNoHost, domain));
  if (writer) return line_reply(*writer);
  return fail(ErrorKind::NotFound, fmt::format("no writer is stored for domain {}; "
                                               "set-heuristic-domain-instance stores one",
                                               domain));
}

Result<Reply> run_set_heuristic_domain_instance(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_to_change(services, args));
  ORCH_ASSIGN(const std::string domain, cluster_domain(services, cluster));
  ORCH_ASSIGN(const std::vector<Instance> masters,
              services.instances().list({.cluster = cluster, .top = true, .writable = true}));
  if (masters.size() != 1) {
    return fail(ErrorKind::Refused,
                fmt::format("Found {} potential master for cluster {}", masters.size(), cluster));
  }
  const InstanceKey& writer = masters.front().key;
  ORCH_TRY(
      services.store<storage::AttributeStore>().save(storage::kNoHost, domain, to_string(writer)));
  return key_reply(writer);
}

Result<Reply> run_which_cluster_master(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
  ORCH_ASSIGN(const std::optional<Instance> master,
              services.instances().find_cluster_master(cluster));
  if (master) return key_reply(master->key);
  return fail(ErrorKind::NotFound,
              fmt::format("No writeable masters found for cluster {}", cluster));
}

Result<Reply> run_which_cluster_instances(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
  ORCH_ASSIGN(const std::vector<Instance> members, services.instances().list({.cluster = cluster}));
  return instances_reply(services, members);
}

Result<Reply> run_set_cluster_alias(Services& services, const Args& args) {
  if (args.hostname.empty()) return fail(ErrorKind::InvalidInput, "give the alias");
  ORCH_ASSIGN(const std::string cluster, cluster_to_change(services, args));
  ORCH_TRY(check_name("the alias", args.hostname));
  ORCH_TRY(services.clusters().save_alias_override(cluster, args.hostname));
  ORCH_TRY(services.clusters().save_alias(cluster, args.hostname));
  audit(services, "set-cluster-alias", {},
        fmt::format("cluster: {}, alias: {}", cluster, args.hostname));
  return line_reply(args.hostname);
}

Command question(std::string_view name, std::string_view help,
                 Result<Reply> (*run)(Services&, const Args&)) {
  return {.name = name,
          .section = "Information",
          .help = help,
          .example = "shop",
          .words = {Word::Cluster},
          .run = run};
}

}  // namespace

std::vector<Command> cluster_commands() {
  return {
      {.name = "clusters",
       .section = "Information",
       .help = "List the names of all clusters",
       .run = run_clusters},
      {.name = "clusters-alias",
       .section = "Information",
       .help = "List all clusters with their aliases",
       .run = run_clusters_alias},
      {.name = "all-clusters-masters",
       .section = "Information",
       .help = "List the writable masters of all clusters",
       .run = run_all_clusters_masters},
      question("which-cluster", "The name of the cluster that an instance is in",
               run_which_cluster),
      question("which-cluster-alias", "The alias of a cluster", run_which_cluster_alias),
      question("which-cluster-domain", "The domain name of a cluster", run_which_cluster_domain),
      question("which-heuristic-domain-instance",
               "The writer that is stored for a cluster's domain", run_heuristic_domain_instance),
      question("which-cluster-master", "The master of a cluster", run_which_cluster_master),
      question("which-cluster-instances", "List the instances of a cluster",
               run_which_cluster_instances),
      {.name = "set-heuristic-domain-instance",
       .section = "Instance, meta",
       .help = "Store the master of a cluster as the writer of its domain",
       .example = "shop",
       .words = {Word::Cluster},
       .access = Access::Write,
       .run = run_set_heuristic_domain_instance},
      {.name = "set-cluster-alias",
       .section = "Instance management",
       .help = "Give a cluster an alias by hand",
       .example = "db1.example:3306 shop",
       .words = {Word::Cluster, Word::Hostname},
       .required = 2,
       .access = Access::Write,
       .offer = Offer::Verb,
       .run = run_set_cluster_alias},
  };
}

}  // namespace orch::cmd

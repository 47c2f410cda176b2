#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "storage/pool_store.h"

namespace orch::cmd {

namespace {

Failure no_pool() {
  return fail(ErrorKind::InvalidInput, "Please submit --pool");
}

Result<Reply> run_submit_pool_instances(Services& services, const Args& args) {
  if (args.pool.empty()) return no_pool();
  ORCH_TRY(check_name("the pool's name", args.pool));
  std::vector<InstanceKey> members;
  for (const std::string& name : words(args.instance, ", \t\r\n")) {
    const std::optional<InstanceKey> key = parse_key(services, name);
    if (!key) {
      return fail(ErrorKind::InvalidInput,
                  fmt::format("'{}' names no instance; pool {} is left as it was", printable(name),
                              printable(args.pool)));
    }
    if (services.config().classification.support_fuzzy_pool_hostnames) {
      ORCH_ASSIGN(InstanceKey fuzzy, services.instances().find_fuzzy(*key));
      members.push_back(std::move(fuzzy));
    } else {
      members.push_back(*key);
    }
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  ORCH_TRY(services.store<storage::PoolStore>().save(args.pool, members));
  audit(services, "submit-pool-instances", {}, fmt::format("pool: {}", args.pool));
  Reply reply;
  if (!args.legacy) {
    reply.text = fmt::format("{}: {} instance{}\n", printable(args.pool), members.size(),
                             members.size() == 1 ? "" : "s");
  }
  reply.json = dump(to_json(members));
  return reply;
}

Result<Reply> run_cluster_pool_instances(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<storage::PoolMember> members,
              services.store<storage::PoolStore>().list());
  Reply reply;
  Json list = Json::array();
  reply.table.heading = {"CLUSTER", "ALIAS", "POOL", "INSTANCE"};
  for (const storage::PoolMember& member : members) {
    ORCH_ASSIGN(const std::string alias, services.clusters().alias_of(member.cluster_name));
    const std::vector<std::string> row = {member.cluster_name, alias, member.pool,
                                          to_string(member.key)};
    reply.lines.push_back(join(row, "\t"));
    reply.table.rows.push_back(row);
    list.push_back({{"ClusterName", member.cluster_name},
                    {"ClusterAlias", alias},
                    {"Pool", member.pool},
                    {"Key", to_json(member.key)}});
  }
  reply.json = dump(list);
  return reply;
}

Result<Reply> run_heuristic_pool_instances(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
  ORCH_ASSIGN(const std::vector<storage::PoolMember> members,
              services.store<storage::PoolStore>().list());
  ORCH_ASSIGN(std::vector<Instance> instances, services.instances().list({.cluster = cluster}));
  std::erase_if(instances, [&](const Instance& instance) {
    return !instance.freshness.is_last_check_valid || instance.server.binlog_server ||
           std::none_of(members.begin(), members.end(), [&](const storage::PoolMember& member) {
             return member.key == instance.key && (args.pool.empty() || member.pool == args.pool);
           });
  });
  return instances_reply(services, instances);
}

}  // namespace

std::vector<Command> pool_commands() {
  return {
      {.name = "submit-pool-instances",
       .section = "Pools",
       .help = "Submit a pool name with a list of instances in that pool",
       .example = "web --instances db1.example,db2.example:3307",
       .words = {Word::Pool},
       .required = 1,
       .options = Option::Instances,
       .access = Access::Write,
       .takes_list = true,
       .run = run_submit_pool_instances},
      {.name = "cluster-pool-instances",
       .section = "Pools",
       .help = "List all pools and their instances, with the clusters they are in",
       .run = run_cluster_pool_instances},
      {.name = "which-heuristic-cluster-pool-instances",
       .section = "Pools",
       .help = "List the reachable instances of a cluster that are in any pool, or in one",
       .example = "shop --pool web",
       .words = {Word::Cluster},
       .options = Option::Pool,
       .run = run_heuristic_pool_instances},
  };
}

}  // namespace orch::cmd

#include <map>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/services.h"
#include "cmd/command/topology_text.h"
#include "core/json/json.h"
#include "core/probe/crawl.h"
#include "storage/history_store.h"
#include "storage/tag_store.h"

namespace orch::cmd {

namespace {

/// "name=value", or just "name" for an empty value.
Result<std::map<InstanceKey, std::vector<std::string>>> tag_texts(const Services& services) {
  ORCH_ASSIGN(const auto tags, services.store<storage::TagStore>().list_all());
  std::map<InstanceKey, std::vector<std::string>> texts;
  for (const auto& [key, list] : tags) {
    for (const Tag& tag : list)
      texts[key].push_back(tag.value.empty() ? tag.name : to_string(tag));
  }
  return texts;
}

Result<std::vector<Instance>> members_of(const Services& services, const std::string& cluster,
                                         const std::string& snapshot) {
  if (cluster.empty()) return std::vector<Instance>();
  if (!snapshot.empty()) return services.store<storage::HistoryStore>().list(cluster, snapshot);
  ORCH_ASSIGN(std::vector<Instance> members, services.instances().list({.cluster = cluster}));
  ORCH_TRY(services.instances().add_sources(members));
  return members;
}

Result<Reply> draw(Services& services, const Args& args, TreeForm form) {
  const OperationSettings& settings = services.config().operation;
  ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
  ORCH_ASSIGN(std::vector<Instance> members, members_of(services, cluster, args.pattern));
  if (members.empty() && !args.legacy) {
    return fail(ErrorKind::NotFound,
                args.pattern.empty() ? "cluster " + cluster + " has no known instance"
                                     : "no snapshot of " + cluster + " matches " + args.pattern);
  }
  TreeOptions options{
      .form = args.pattern.empty() ? form : TreeForm::NamesOnly,
      .reasonable_lag = settings.reasonable_replication_lag_seconds,
      .reasonable_maintenance_lag = settings.reasonable_maintenance_replication_lag_seconds};
  if (form == TreeForm::Tags) {
    ORCH_ASSIGN(options.tags, tag_texts(services));
  }
  std::string alias;
  if (!args.legacy) {
    ORCH_ASSIGN(alias, services.clusters().alias_of(cluster));
  }
  Json list = Json::array();
  for (const Instance& member : members) {
    list.push_back(to_json(member, options.reasonable_lag));
    if (form != TreeForm::Tags) continue;
    const auto tags = options.tags.find(member.key);
    list.back()["Tags"] = tags == options.tags.end() ? Json::array() : Json(tags->second);
  }
  const Topology topology(std::move(members));

  Reply reply;
  reply.lines = contract_tree(topology, options);
  if (reply.lines.empty()) reply.lines.emplace_back();  // the contract's one empty line
  reply.notes = circle_warnings(topology);
  reply.failed = !reply.notes.empty();
  if (args.legacy) return reply;
  if (args.pattern.empty() && form != TreeForm::Tabulated) {
    reply.text = people_tree(cluster, alias, topology, options, services.colour());
  }
  reply.json = dump({{"ClusterName", cluster}, {"ClusterAlias", alias}, {"Instances", list}});
  return reply;
}

Result<Reply> run_topology(Services& services, const Args& args) {
  return draw(services, args, TreeForm::Plain);
}
Result<Reply> run_topology_tabulated(Services& services, const Args& args) {
  return draw(services, args, TreeForm::Tabulated);
}
Result<Reply> run_topology_tags(Services& services, const Args& args) {
  return draw(services, args, TreeForm::Tags);
}

}  // namespace

std::vector<Command> topology_commands() {
  return {
      {.name = "topology",
       .section = "Information",
       .help = "Show an ascii-graph of a replication topology, given a member of that topology",
       .example = "shop",
       .words = {Word::Cluster},
       .options = Option::Pattern,
       .run = run_topology},
      {.name = "topology-tabulated",
       .section = "Information",
       .help = "Show a replication topology as columns separated by '|'",
       .example = "db1.example:3306",
       .words = {Word::Cluster},
       .options = Option::Pattern,
       .run = run_topology_tabulated},
      {.name = "topology-tags",
       .section = "Information",
       .help = "Show a replication topology with the tags of its instances",
       .example = "shop",
       .words = {Word::Cluster},
       .options = Option::Pattern,
       .run = run_topology_tags},
  };
}

}  // namespace orch::cmd

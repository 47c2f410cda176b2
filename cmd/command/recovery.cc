#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/operation.h"
#include "cmd/command/replies.h"
#include "core/base/log.h"
#include "core/json/json.h"
#include "core/plan/recovery/dead_primary.h"
#include "core/plan/recovery/takeover.h"
#include "storage/downtime_store.h"

namespace orch::cmd {

namespace {

/// How long a server that a failover left behind is kept out of automatic recovery.
constexpr std::chrono::hours kLostDowntime{365 * 24};

/// A cluster's one master and everybody in it.
struct Cluster {
  std::string name{};
  std::string alias{};
  InstanceKey master{};
  std::set<InstanceKey> members{};
};

Result<Cluster> cluster_to_recover(const Services& services, const Args& args) {
  Cluster cluster;
  ORCH_ASSIGN(cluster.name, cluster_argument(services, args));
  ORCH_ASSIGN(const std::vector<Instance> members,
              services.instances().list({.cluster = cluster.name}));
  std::vector<InstanceKey> masters;
  for (const Instance& member : members) {
    cluster.members.insert(member.key);
    if (member.replication_depth == 0 || member.is_co_master) masters.push_back(member.key);
  }
  if (cluster.name.empty() || masters.size() != 1) {
    return fail(ErrorKind::NotFound,
                fmt::format("Cannot deduce cluster master for {}. Found {} potential masters",
                            cluster.name, masters.size()));
  }
  cluster.master = masters.front();
  ORCH_ASSIGN(cluster.alias, services.clusters().alias_of(cluster.name));
  return cluster;
}

Result<std::optional<InstanceKey>> designated_argument(const Services& services, const Args& args) {
  if (args.destination.empty()) return std::optional<InstanceKey>();
  ORCH_ASSIGN(const Instance designated, known_destination(services, args));
  return std::optional<InstanceKey>(designated.key);
}

/// The cluster is called after its new master, and what was left behind is marked so.
Result<> rename_after_promotion(const Services& services, const Cluster& cluster,
                                const Outcome& outcome) {
  const InstanceKey& promoted = *outcome.account.promoted;
  const std::string name = to_string(promoted);
  ORCH_ASSIGN([[maybe_unused]] const std::int64_t renamed,
              services.instances().rename_cluster(cluster.name, name));
  ORCH_TRY(services.clusters().rename(cluster.name, name));
  const Instance* old_master = outcome.topology.find(cluster.master);
  if (old_master != nullptr && !answers(*old_master)) {
    ORCH_TRY(services.instances().save_cluster_name(cluster.master, to_string(cluster.master)));
  }
  return {};
}

Result<> mark_lost(const Services& services, const Cluster& cluster, const Outcome& outcome,
                   const std::string& owner) {
  std::vector<InstanceKey> lost;
  const Instance* old_master = outcome.topology.find(cluster.master);
  if (old_master != nullptr && !answers(*old_master)) lost.push_back(cluster.master);
  for (const LostReplica& replica : outcome.account.lost)
    lost.push_back(replica.key);
  for (const InstanceKey& key : lost) {
    ORCH_TRY(services.store<storage::DowntimeStore>().begin(
        {.key = key, .owner = owner, .reason = "lost-in-recovery", .duration = kLostDowntime}));
  }
  return services.clusters().rebuild_aliases();
}

Json outcome_json(const Cluster& cluster, const Outcome& outcome) {
  const Account& account = outcome.account;
  Json steps = Json::array();
  for (const StepResult& result : outcome.steps) {
    steps.push_back({{"Server", to_json(result.step.server)},
                     {"Action", describe(result.step.action)},
                     {"Error", result.error ? result.error->message : ""}});
  }
  Json lost = Json::array();
  for (const LostReplica& replica : account.lost) {
    lost.push_back({{"Key", to_json(replica.key)}, {"Because", replica.because}});
  }
  return {{"Cluster", cluster.name},
          {"ClusterAlias", cluster.alias},
          {"OldMaster", to_json(cluster.master)},
          {"Promoted", to_json(*account.promoted)},
          {"Coordinates", to_json(account.coordinates)},
          {"Moved", to_json(account.moved)},
          {"Lost", lost},
          {"LostTransactions", account.lost_transactions},
          {"Notes", account.notes},
          {"LeftOtherwise", outcome.left},
          {"Steps", steps}};
}

std::string outcome_text(const Cluster& cluster, const Outcome& outcome) {
  const Account& account = outcome.account;
  std::string text =
      fmt::format("{} is the new master of {} (was {})\n", to_string(*account.promoted),
                  cluster.alias, to_string(cluster.master));
  if (!account.coordinates.empty()) {
    text += fmt::format("  promoted at     {}\n", to_string(account.coordinates));
  }
  if (!account.lost_transactions.empty()) {
    text += fmt::format("  lost            {}\n", account.lost_transactions);
  }
  for (const InstanceKey& key : account.moved) {
    text += fmt::format("  replicates now  {}\n", to_string(key));
  }
  return text;
}

Result<Reply> promote(const Services& services, const Args& args, const Cluster& cluster,
                      Operation operation, bool with_coordinates) {
  if (args.dry_run) return show_plan(services, operation);
  ORCH_ASSIGN(const Outcome outcome, carry_out(services, operation, args));
  if (!outcome.account.promoted) {
    return fail(ErrorKind::Broken, "Recovery attempted yet no replica promoted");
  }
  // The servers are as they should be; a backend that cannot be written must not hide that.
  for (const Result<>& kept : {rename_after_promotion(services, cluster, outcome),
                               mark_lost(services, cluster, outcome, owner_argument(args))}) {
    if (!kept) log::error("{}", kept.error().message);
  }
  Reply reply;
  reply.lines.push_back(to_string(*outcome.account.promoted));
  if (with_coordinates) reply.lines.push_back(to_string(outcome.account.coordinates));
  for (const LostReplica& replica : outcome.account.lost) {
    reply.notes.push_back(
        fmt::format("left behind: {}: {}", to_string(replica.key), replica.because));
  }
  const std::string& lost = outcome.account.lost_transactions;
  if (!lost.starts_with("nothing") && !lost.empty()) reply.notes.push_back("lost: " + lost);
  for (const std::string& note : outcome.account.notes)
    reply.notes.push_back(note);
  for (const std::string& left : outcome.left)
    reply.notes.push_back(left);
  if (!args.legacy) reply.text = outcome_text(cluster, outcome);
  reply.json = dump(outcome_json(cluster, outcome));
  return reply;
}

Result<Reply> fail_over(const Services& services, const Args& args, const Cluster& cluster,
                        const std::optional<InstanceKey>& designated) {
  ORCH_ASSIGN(const Policy policy, policy_of(services));
  Operation operation{
      .planner = failover({.failed = cluster.master, .designated = designated}, policy),
      .subjects = cluster.members,
      .name = "recover-dead-master",
      .about = cluster.master,
      .message =
          fmt::format("fail over {} of cluster {}", to_string(cluster.master), cluster.alias),
      .candidates =
          [=](const Topology& fresh) { return choose_candidate(fresh, cluster.master, policy); },
      .replaced = cluster.master};
  return promote(services, args, cluster, std::move(operation), false);
}

Result<Reply> run_failover(Services& services, const Args& args) {
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, args));
  ORCH_ASSIGN(const std::optional<InstanceKey> designated, designated_argument(services, args));
  return fail_over(services, args, cluster, designated);
}

Result<Reply> run_force_takeover(Services& services, const Args& args) {
  if (args.destination.empty()) {
    return fail(ErrorKind::InvalidInput,
                "Cannot deduce destination, the instance to promote in place of the master. Please "
                "provide with -d");
  }
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, args));
  ORCH_ASSIGN(const Instance designated, known_destination(services, args));
  if (designated.replication.source != cluster.master) {
    return fail(
        ErrorKind::Refused,
        fmt::format("You may only promote a direct child of the master {}. The master of {} "
                    "is {}.",
                    to_string(cluster.master), to_string(designated.key),
                    to_string(designated.replication.source)));
  }
  return fail_over(services, args, cluster, designated.key);
}

/// Recovers an instance only if it has failed: a master that does not answer, none of whose
/// replicas still receives from it.
Result<Reply> run_recover(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  Args about = args;
  about.alias = instance.cluster_name;
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, about));
  if (cluster.master != instance.key) return keys_reply({});
  ORCH_ASSIGN(const Topology records, records_around(services, {instance.key}));
  const auto deadline = std::chrono::steady_clock::now() + probe_limit(services);
  if (services.servers().probe(instance.key, deadline).found()) return keys_reply({});
  const std::vector<const Instance*> replicas = records.replicas_of(instance.key);
  std::size_t reachable = 0;
  for (const Instance* replica : replicas) {
    const Observation seen = services.servers().probe(
        replica->key, std::chrono::steady_clock::now() + probe_limit(services));
    if (!seen.found()) continue;
    ++reachable;
    if (replica_running(seen.instance)) return keys_reply({});
  }
  if (reachable == 0) return keys_reply({});
  ORCH_ASSIGN(const std::optional<InstanceKey> designated, designated_argument(services, args));
  return fail_over(services, args, cluster, designated);
}

Result<Reply> take_over(const Services& services, const Args& args, bool automatic, bool start_old,
                        bool with_coordinates) {
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, args));
  ORCH_ASSIGN(const std::optional<InstanceKey> designated, designated_argument(services, args));
  ORCH_ASSIGN(const Policy policy, policy_of(services));
  Operation operation{
      .planner = takeover({.primary = cluster.master,
                           .designated = designated,
                           .automatic = automatic,
                           .start_old_primary = start_old},
                          policy),
      .subjects = cluster.members,
      .name = "graceful-master-takeover",
      .about = cluster.master,
      .message =
          fmt::format("take over {} of cluster {}", to_string(cluster.master), cluster.alias),
      .candidates =
          [=](const Topology& fresh) { return choose_candidate(fresh, cluster.master, policy); },
      .replaced = cluster.master};
  return promote(services, args, cluster, std::move(operation), with_coordinates);
}

Result<Reply> run_takeover(Services& services, const Args& args) {
  return take_over(services, args, true, true, true);
}

Result<Reply> run_graceful(Services& services, const Args& args) {
  return take_over(services, args, false, false, true);
}

Command recovering(std::string_view name, std::string_view help, Offer offer,
                   Result<Reply> (*run)(Services&, const Args&)) {
  return {.name = name,
          .section = "Recovery",
          .help = help,
          .example = "shop --to db2.example:3306",
          .words = {Word::Cluster},
          .options = Option::To | Option::DryRun | Option::Owner | Option::Reason,
          .access = Access::Write,
          .needs = Needs::Servers,
          .offer = offer,
          .run = run};
}

}  // namespace

std::vector<Command> recovery_commands() {
  Command recover =
      recovering("recover", "Recover an instance, if it has failed", Offer::Both, run_recover);
  recover.words = {Word::Instance};
  recover.required = 1;
  recover.example = "db1.example";
  Command lite = recover;
  lite.name = "recover-lite";
  lite.help = "Recover an instance, if it has failed, without running hooks";
  return {
      recovering("failover", "Replace a cluster's master now, dead or not, by its best replica",
                 Offer::Verb, run_failover),
      recovering("takeover", "Replace a cluster's healthy master by a replica, without loss",
                 Offer::Verb, run_takeover),
      recover,
      lite,
      recovering("force-master-failover", "Fail a cluster's master over, whatever its state",
                 Offer::Both, run_failover),
      recovering("force-master-takeover", "Fail a cluster's master over to a given replica",
                 Offer::Both, run_force_takeover),
      recovering("graceful-master-takeover",
                 "Switch masters; the old one becomes a stopped replica of the new one",
                 Offer::Both, run_graceful),
      recovering("graceful-master-takeover-auto",
                 "Switch masters, choosing a replica where none is given, and start replication on "
                 "the old one",
                 Offer::Both, run_takeover),
  };
}

}  // namespace orch::cmd

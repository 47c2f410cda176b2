#include "cmd/command/recovery.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/analysis_reading.h"
#include "cmd/command/engine.h"
#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/operation.h"
#include "cmd/command/recovery_reply.h"
#include "cmd/command/replies.h"
#include "core/base/stop.h"
#include "ha/maintenance_locks.h"
#include "ha/next_leader.h"
#include "ha/quarantine.h"
#include "ha/recovery.h"
#include "ha/recovery_hooks.h"
#include "ha/scope.h"
#include "storage/journal_store.h"

namespace orch::cmd {

namespace {

/// A cluster's one master and everybody in it.
struct Cluster {
  std::string name{};
  std::string alias{};
  std::string domain{};
  Instance master{};
  std::set<InstanceKey> members{};
  std::vector<InstanceKey> replicas{};  ///< of the master
};

/// Each of several primaries is in a cluster of its own.
Result<> add_group(const Services& services, Cluster& cluster) {
  for (const InstanceKey& other : cluster.master.group.others) {
    ORCH_ASSIGN(const std::optional<Instance> known, services.instances().find(other));
    if (known) cluster.members.insert(other);
  }
  return {};
}

/// Of several at the top: the one that was named, else the only one that takes writes.
Result<Instance> master_among(const Services& services, const Args& args,
                              const std::string& cluster) {
  ORCH_ASSIGN(std::vector<Instance> masters,
              services.instances().list({.cluster = cluster, .top = true}));
  const std::size_t count = masters.size();
  if (const auto named = parse_key(services, args.instance); named && count > 1) {
    for (const Instance& master : masters) {
      if (master.key == *named) return master;
    }
  }
  if (count > 1) std::erase_if(masters, [](const Instance& m) { return m.server.read_only; });
  if (!cluster.empty() && masters.size() == 1) return masters.front();
  return fail(
      ErrorKind::NotFound,
      fmt::format("Cannot deduce cluster master for {}. Found {} potential masters{}", cluster,
                  count, count > 1 ? ": name the one that is to be replaced, HOST:PORT" : ""));
}

Result<Cluster> cluster_to_recover(const Services& services, const Args& args) {
  Cluster cluster;
  ORCH_ASSIGN(cluster.name, cluster_to_change(services, args));
  ORCH_ASSIGN(const std::vector<Instance> members,
              services.instances().list({.cluster = cluster.name}));
  for (const Instance& member : members)
    cluster.members.insert(member.key);
  ORCH_ASSIGN(cluster.master, master_among(services, args, cluster.name));
  ORCH_TRY(add_group(services, cluster));
  // Wherever they are recorded: one that was put back by hand may count to another cluster.
  ORCH_ASSIGN(const std::vector<Instance> replicas,
              services.instances().list({.source = cluster.master.key}));
  for (const Instance& replica : replicas) {
    cluster.replicas.push_back(replica.key);
    cluster.members.insert(replica.key);
  }
  ORCH_ASSIGN(cluster.alias, services.clusters().alias_of(cluster.name));
  ORCH_ASSIGN(const std::optional<std::string> domain,
              services.clusters().find_domain(cluster.name));
  cluster.domain = domain.value_or("");
  return cluster;
}

Result<std::optional<InstanceKey>> designated_argument(const Services& services, const Args& args) {
  if (args.destination.empty()) return std::optional<InstanceKey>();
  ORCH_ASSIGN(const Instance designated, known_destination(services, args));
  return std::optional<InstanceKey>(designated.key);
}

/// What is asked of the engine, but for the kind's own particulars.
ha::RecoveryWork work_on(const Cluster& cluster, RecoveryKind kind, const Args& args) {
  ha::RecoveryWork work;
  work.kind = kind;
  work.cluster = cluster.name;
  work.cluster_alias = cluster.alias;
  work.cluster_domain = cluster.domain;
  work.failed = cluster.master.key;
  work.instance_type = cluster.master.is_co_master ? "co-master" : "master";
  work.replicas = cluster.replicas;
  work.downtimed = cluster.master.downtime.active;
  work.owner = owner_argument(args);
  return work;
}

/// What a dry run says that it shows.
std::string what_is_done(RecoveryKind kind, const std::string& server) {
  switch (kind) {
    case RecoveryKind::GracefulTakeover:
      return "take over " + server;
    case RecoveryKind::DeadIntermediateMaster:
    case RecoveryKind::DeadGroupMember:
      return "find another source for the replicas of " + server;
    case RecoveryKind::NonWriteableMaster:
      return "make writable " + server;
    case RecoveryKind::LockedSemiSyncMaster:
    case RecoveryKind::TooManySemiSyncReplicas:
      return "set right who acknowledges the commits of " + server;
    case RecoveryKind::DeadMaster:
    case RecoveryKind::DeadCoMaster:
      break;
  }
  return "fail over " + server;
}

/// What neither a fence nor a takeover holds off.
void name_unbound_writers(const Services& services, const InstanceKey& master, Reply& plan) {
  const auto seen =
      services.servers().examine(master, std::chrono::steady_clock::now() + probe_limit(services));
  if (!seen || seen->unbound_text().empty()) return;
  plan.notes.push_back(fmt::format("{}: {}", to_string(master), seen->unbound_text()));
}

/// Carries the work out, or shows how it would be done.
Result<Reply> carry_out_or_show(const Services& services, const Args& args, const Cluster& cluster,
                                ha::RecoveryWork work, bool with_coordinates) {
  ORCH_ASSIGN(const Policy policy, policy_of(services));
  ORCH_ASSIGN(const std::unique_ptr<RecoveryEngine> engine, RecoveryEngine::make(services));
  const std::string type = ha::audit_type(work);
  if (args.dry_run) {
    const InstanceKey master = cluster.master.key;
    ORCH_ASSIGN(std::string lost, ha::lost_its_place(engine->parts(), work));
    if (!lost.empty()) return fail(ErrorKind::Refused, std::move(lost));
    ORCH_ASSIGN(work.promoted_before, ha::promoted_before(engine->parts(), work.failed, ""));
    std::set<InstanceKey> subjects = cluster.members;
    subjects.insert(work.promoted_before.begin(), work.promoted_before.end());
    ORCH_ASSIGN(Planner planner, ha::planner_for(work, policy));
    Operation operation{
        .planner = std::move(planner),
        .subjects = std::move(subjects),
        .asks_sources = false,
        .name = type,
        .about = master,
        .message = fmt::format("{} of cluster {}", what_is_done(work.kind, to_string(master)),
                               cluster.alias),
        .hooks = ha::hooks_of(work, services.config().recovery)};
    if (ha::replaces_master(work.kind)) {
      operation.candidates = [=](const Topology& fresh) {
        return choose_candidate(fresh, master, policy);
      };
      operation.replaced = master;
      if (work.designated) {
        operation.promoted_because =
            work.designated_by.empty() ? "named by the operator" : work.designated_by;
      }
    }
    ORCH_ASSIGN(Reply plan, show_plan(services, operation, executor_settings(services)));
    if (ha::replaces_master(work.kind)) name_unbound_writers(services, master, plan);
    return plan;
  }
  if (args.noop) {
    return fail(ErrorKind::Refused,
                fmt::format("noop: aborting {} operation on {}; signalling error but nothing went "
                            "wrong.",
                            type, to_string(work.failed)));
  }
  stop_on_signals();
  Result<ha::RecoveryOutcome> outcome = ha::recover(engine->parts(), work);
  if (outcome) outcome = ha::await_next_leader(engine->parts(), *std::move(outcome));
  services.progress().show("");
  if (!outcome) {
    const bool forced = args.legacy && work.command.starts_with("force-");
    return fail(forced ? Error(outcome.error()).within("unexpected error: recovery not attempted")
                       : outcome.error());
  }
  return recovery_reply(*outcome, args.legacy, with_coordinates);
}

/// Designates the other co-master, when no other server may take a dead one's place: it is
/// configured so, or it takes writes already.
Result<> designate_partner(const Services& services, const Instance& dead, ha::RecoveryWork& work) {
  ORCH_ASSIGN(const std::vector<Instance> members,
              services.instances().list({.cluster = work.cluster}));
  for (const Instance& member : members) {
    if (member.key != dead.replication.source || member.replication.source != dead.key) continue;
    const bool must = services.config().recovery.co_master_recovery_must_promote_other_co_master;
    if (!must && member.server.read_only) continue;
    work.designated = member.key;
    work.designated_by = must ? "CoMasterRecoveryMustPromoteOtherCoMaster is on"
                              : "that co-master takes writes by its last record";
    break;
  }
  return {};
}

Result<Reply> fail_over(const Services& services, const Args& args, const Cluster& cluster,
                        std::string_view command) {
  ORCH_ASSIGN(const auto engine, RecoveryEngine::make(services));
  ORCH_ASSIGN(const std::vector<InstanceKey> promoted,
              ha::promoted_before(engine->parts(), cluster.master.key, ""));
  // Whom a recovery that failed promoted is no co-master, though its last record may say so.
  const bool co_master =
      cluster.master.is_co_master &&
      std::ranges::find(promoted, cluster.master.replication.source) == promoted.end();
  ha::RecoveryWork work =
      work_on(cluster, co_master ? RecoveryKind::DeadCoMaster : RecoveryKind::DeadMaster, args);
  work.command = command;
  work.description = fmt::format("{} was asked for", command);
  ORCH_ASSIGN(work.designated, designated_argument(services, args));
  if (co_master && !work.designated) {
    ORCH_TRY(designate_partner(services, cluster.master, work));
  }
  return carry_out_or_show(services, args, cluster, work, false);
}

/// The servers as they are now, beside what is known of others.
Result<Topology> survey_now(const Services& services, const Topology& records,
                            const std::set<InstanceKey>& asked) {
  ha::BackendLocks locks(services.database(), services.clock(), services.self(), "");
  StepObserver silent;
  Executor executor(services.servers(), services.leadership(), locks, silent,
                    executor_settings(services));
  Topology fresh = executor.survey(records, asked);
  ORCH_TRY(record_read(services, asked, fresh));
  return fresh;
}

/// By the name of any of its members a cluster is failed over. That of a dead one which is not its
/// master means something else while that lives.
Result<> master_is_meant(const Services& services, const Args& args, const Cluster& cluster) {
  const std::optional<InstanceKey> named = parse_key(services, args.instance);
  const InstanceKey& master = cluster.master.key;
  if (!named || *named == master || !cluster.members.contains(*named)) return {};
  ORCH_ASSIGN(const Topology records, records_around(services, {*named}));
  ORCH_ASSIGN(const Topology fresh, survey_now(services, records, {*named, master}));
  const Instance* seen = fresh.find(*named);
  const Instance* living = fresh.find(master);
  if (seen == nullptr || answers(*seen) || living == nullptr || !answers(*living)) return {};
  return fail(ErrorKind::Refused,
              fmt::format("{0} does not answer, but it is not the master: {1} is, and answers; "
                          "'orch recover {0}' gives those that follow {0} a source, 'orch "
                          "failover {1}' replaces {1}",
                          to_string(*named), to_string(master)));
}

Result<Reply> run_failover(Services& services, const Args& args) {
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, args));
  ORCH_TRY(master_is_meant(services, args, cluster));
  return fail_over(services, args, cluster, "force-master-failover");
}

Result<Reply> run_force_takeover(Services& services, const Args& args) {
  if (args.destination.empty()) {
    return fail(ErrorKind::InvalidInput,
                "Cannot deduce destination, the instance to promote in place of the master. Please "
                "provide with -d");
  }
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, args));
  ORCH_ASSIGN(const Instance designated, known_destination(services, args));
  if (designated.replication.source != cluster.master.key) {
    return fail(
        ErrorKind::Refused,
        fmt::format("You may only promote a direct child of the master {}. The master of {} "
                    "is {}.",
                    to_string(cluster.master.key), to_string(designated.key),
                    to_string(designated.replication.source)));
  }
  return fail_over(services, args, cluster, "force-master-takeover");
}

/// Reads the instance and those who follow it, so that what is judged is how things are now.
/// Errors: Denied, when the instance turns us away: nothing can be told of it.
Result<> look_now(const Services& services, const InstanceKey& key) {
  ORCH_ASSIGN(const Topology records, records_around(services, {key}));
  std::set<InstanceKey> asked = {key};
  for (const Instance* replica : records.replicas_of(key))
    asked.insert(replica->key);
  ORCH_ASSIGN(const Topology fresh, survey_now(services, records, asked));
  const std::optional<Error>& error = fresh.find(key)->freshness.last_error;
  if (error && error->kind == ErrorKind::Denied) return fail(*error);
  return {};
}

}  // namespace

Result<ha::RecoveryWork> work_for(const Services& services, const Analysis& analysis,
                                  const std::string& owner) {
  ORCH_ASSIGN(const Instance failed, find_known(services, analysis.key));
  ha::RecoveryWork work;
  work.kind = analysis.recovery.value_or(RecoveryKind::DeadMaster);
  work.cluster = analysis.cluster.name;
  work.cluster_alias = analysis.cluster.alias;
  work.cluster_domain = analysis.cluster.domain;
  work.failed = analysis.key;
  work.replicas = analysis.replicas;
  work.downtimed = failed.downtime.active;
  work.owner = owner;
  work.analysis = to_string(analysis.code);
  work.description = traits(analysis.code).description;
  work.instance_type = instance_type(analysis);
  if (work.kind == RecoveryKind::DeadCoMaster) {
    ORCH_TRY(designate_partner(services, failed, work));
  }
  return work;
}

namespace {

/// Nothing calls for a recovery of the instance, or not any more: one that was cut off when it had
/// done the most of it is carried on all the same. Nothing where there is none.
Result<Reply> carry_on_if_cut_off(const Services& services, const Args& args,
                                  const InstanceKey& failed) {
  ORCH_ASSIGN(const std::vector<storage::RecoveryRun> runs,
              services.store<storage::JournalStore>().list_unfinished());
  const auto run = std::find_if(runs.begin(), runs.end(),
                                [&](const storage::RecoveryRun& r) { return r.failed == failed; });
  Reply reply = no_key_reply();
  if (run == runs.end()) {
    if (!args.legacy) {
      reply.notes.push_back(fmt::format("nothing calls for a recovery of {} ('orch analyze {}')",
                                        to_string(failed), to_string(failed)));
    }
    return reply;
  }
  if (args.dry_run || args.noop) {
    reply.notes.push_back(
        fmt::format("a recovery of {} has begun and not ended: 'orch recovery resume {}' carries "
                    "it on",
                    to_string(failed), run->uid));
    return reply;
  }
  ORCH_ASSIGN(const std::unique_ptr<RecoveryEngine> engine, RecoveryEngine::make(services));
  stop_on_signals();
  Result<ha::RecoveryOutcome> outcome = ha::resume(engine->parts(), run->uid);
  if (outcome) outcome = ha::await_next_leader(engine->parts(), *std::move(outcome));
  services.progress().show("");
  if (!outcome) return fail(outcome.error());
  return recovery_reply(*outcome, args.legacy, false);
}

/// Does about an instance what its analysis calls for; nothing where nothing is wrong with it.
Result<Reply> recover_if_failed(const Services& services, const Args& args, bool hooks) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  ORCH_TRY(look_now(services, instance.key));
  ORCH_TRY(watch_blocked_masters(services));
  ORCH_ASSIGN(const AnalysisInput input, read_analysis_input(services));
  const std::vector<Analysis> analyses =
      analyse_records(services, input, {.include_downtimed = true, .include_ignored = true}, "");
  const auto analysis = std::find_if(analyses.begin(), analyses.end(), [&](const Analysis& each) {
    return each.key == instance.key && each.recovery;
  });
  if (analysis == analyses.end()) return carry_on_if_cut_off(services, args, instance.key);
  ORCH_ASSIGN(ha::RecoveryWork work, work_for(services, *analysis, owner_argument(args)));
  work.hooks = hooks;
  ORCH_ASSIGN(const std::optional<InstanceKey> designated, designated_argument(services, args));
  if (designated) {
    work.designated = designated;
    work.designated_by.clear();
  }
  Cluster cluster;
  cluster.alias = work.cluster_alias;
  cluster.master = instance;
  ORCH_ASSIGN(const std::vector<Instance> members,
              services.instances().list({.cluster = work.cluster}));
  for (const Instance& member : members)
    cluster.members.insert(member.key);
  ORCH_TRY(add_group(services, cluster));
  return carry_out_or_show(services, args, cluster, work, false);
}

Result<Reply> run_recover(Services& services, const Args& args) {
  return recover_if_failed(services, args, true);
}

Result<Reply> run_recover_lite(Services& services, const Args& args) {
  return recover_if_failed(services, args, false);
}

Result<Reply> take_over(const Services& services, const Args& args, bool automatic, bool start_old,
                        bool with_coordinates) {
  ORCH_ASSIGN(const Cluster cluster, cluster_to_recover(services, args));
  ha::RecoveryWork work = work_on(cluster, RecoveryKind::GracefulTakeover, args);
  work.command = "graceful-master-takeover";
  work.description = "graceful-master-takeover was asked for";
  work.choose = automatic;
  work.start_old_master = start_old;
  ORCH_ASSIGN(work.designated, designated_argument(services, args));
  return carry_out_or_show(services, args, cluster, work, with_coordinates);
}

Result<Reply> run_takeover(Services& services, const Args& args) {
  return take_over(services, args, true, true, true);
}

Result<Reply> run_explain_failover(Services& services, const Args& args) {
  Args shown = args;
  shown.dry_run = true;
  return run_failover(services, shown);
}

Result<Reply> run_explain_takeover(Services& services, const Args& args) {
  Args shown = args;
  shown.dry_run = true;
  return run_takeover(services, shown);
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

/// A replica takes the place of its master, which is dead (REF-17): a failover to that replica.
Result<Reply> run_make_master(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  if (!is_replica(instance)) {
    return fail(ErrorKind::Refused, "instance is not a replica: " + to_string(instance.key));
  }
  ORCH_TRY(look_now(services, instance.replication.source));
  ORCH_ASSIGN(const Instance master, find_known(services, instance.replication.source));
  if (master.freshness.is_last_check_valid) {
    return fail(ErrorKind::Refused,
                fmt::format("make-master: {}, the master of {}, answers; 'orch takeover' replaces "
                            "one that lives",
                            to_string(master.key), to_string(instance.key)));
  }
  Args failover = args;
  failover.instance = to_string(master.key);
  failover.destination = to_string(instance.key);
  return run_force_takeover(services, failover);
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
  lite.run = run_recover_lite;
  Command explain_failover = recovering(
      "explain failover", "Show what a failover would do, and why, step by step; changes nothing",
      Offer::Verb, run_explain_failover);
  Command explain_takeover = recovering(
      "explain takeover", "Show what a takeover would do, and why, step by step; changes nothing",
      Offer::Verb, run_explain_takeover);
  for (Command* explain : {&explain_failover, &explain_takeover}) {
    explain->options = Option::To;
    explain->access = Access::Read;
    explain->required = 1;
  }
  // Not the only cluster there happens to be: it must be named.
  Command failover =
      recovering("failover", "Replace a cluster's master now, dead or not, by its best replica",
                 Offer::Verb, run_failover);
  Command takeover =
      recovering("takeover", "Replace a cluster's healthy master by a replica, without loss",
                 Offer::Verb, run_takeover);
  failover.required = takeover.required = 1;
  Command make_master = recovering("make-master", "Put a replica in the place of its dead master",
                                   Offer::Verb, run_make_master);
  make_master.words = {Word::Instance};
  make_master.required = 1;
  make_master.options = Option::DryRun | Option::Owner | Option::Reason;
  make_master.example = "db2.example";
  return {
      explain_failover,
      explain_takeover,
      failover,
      takeover,
      make_master,
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

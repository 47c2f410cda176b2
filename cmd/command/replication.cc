#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/operation.h"
#include "cmd/command/replies.h"
#include "core/align/gtid_logs.h"
#include "core/base/text.h"
#include "core/mysql/change_statements.h"
#include "core/plan/refactor/binary_logs.h"
#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/errant.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/refactor/switches.h"
#include "storage/quarantine_store.h"

namespace orch::cmd {

namespace {

using MakePlanner = Planner (*)(InstanceKey, Policy);

/// Which servers a plan looks at.
using Around = Result<std::set<InstanceKey>> (*)(const Services&, const InstanceKey&);

Result<std::set<InstanceKey>> alone(const Services&, const InstanceKey& key) {
  return std::set<InstanceKey>{key};
}

/// The server, and its source as recorded.
Result<std::set<InstanceKey>> with_source(const Services& services, const InstanceKey& key) {
  ORCH_ASSIGN(const std::optional<Instance> record, services.instances().find(key));
  std::set<InstanceKey> keys{key};
  if (record && is_valid(record->replication.source)) keys.insert(record->replication.source);
  return keys;
}

/// The server, and those above it as recorded.
Result<std::set<InstanceKey>> with_ancestors(const Services& services, const InstanceKey& key) {
  std::set<InstanceKey> keys;
  InstanceKey next = key;
  while (is_valid(next) && keys.insert(next).second) {
    ORCH_ASSIGN(const std::optional<Instance> record, services.instances().find(next));
    next = record ? record->replication.source : InstanceKey{};
  }
  return keys;
}

/// An operation on one instance that answers with its name.
Result<Reply> on_one(Services& services, const Args& args, std::string_view name,
                     const std::function<Planner(InstanceKey, Policy)>& make,
                     bool runs_with_noop = false, Around around = alone) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(Policy policy, policy_of(services));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, around(services, key));
  const Operation operation{.planner = make(key, std::move(policy)),
                            .subjects = std::move(subjects),
                            .asks_sources = around != alone,
                            .name = std::string(name),
                            .about = key,
                            .message = fmt::format("{} {}", name, to_string(key)),
                            .passes_persons_lock = true,
                            .runs_with_noop = runs_with_noop};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    Reply reply = key_reply(key);
    reply.notes = outcome.account.notes;
    // On orchestrator's command line, which shows no mere information.
    reply.failed = args.legacy && !reply.notes.empty();
    return reply;
  });
}

template <MakePlanner make>
Result<Reply> run_simple(Services& services, const Args& args, std::string_view name) {
  return on_one(services, args, name, make);
}

constexpr bool kRunsWithNoop = true;

/// An operation on one instance whose plan looks at others, too.
template <MakePlanner make, Around around>
Result<Reply> run_around(Services& services, const Args& args, std::string_view name) {
  return on_one(services, args, name, make, !kRunsWithNoop, around);
}

Result<Reply> run_stop(Services& services, const Args& args) {
  return on_one(services, args, "stop-replica", stop_replication, kRunsWithNoop);
}
Result<Reply> run_stop_nicely(Services& services, const Args& args) {
  return on_one(services, args, "stop-replica-nice", stop_replication_nicely, kRunsWithNoop);
}
Result<Reply> run_start(Services& services, const Args& args) {
  return on_one(services, args, "start-replica", start_replication, kRunsWithNoop, with_source);
}
Result<Reply> run_restart(Services& services, const Args& args) {
  return on_one(services, args, "restart-replica", restart_replication, kRunsWithNoop, with_source);
}
Result<Reply> run_reset(Services& services, const Args& args) {
  return run_simple<reset_replication>(services, args, "reset-slave");
}
Result<Reply> run_set_read_only(Services& services, const Args& args) {
  return on_one(services, args, "read-only", [](InstanceKey key, Policy policy) {
    return set_read_only(std::move(key), true, std::move(policy));
  });
}
Result<Reply> run_set_writeable(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  ORCH_ASSIGN(const std::optional<storage::Quarantine> entry,
              services.store<storage::QuarantineStore>().find(instance.key));
  if (entry) {
    const std::string name = to_string(instance.key);
    return fail(ErrorKind::Refused,
                fmt::format("{} is in quarantine: {}; 'orch quarantine release {}' comes first",
                            name, entry->reason, name));
  }
  return on_one(services, args, "read-only", [](InstanceKey key, Policy policy) {
    return set_read_only(std::move(key), false, std::move(policy));
  });
}

/// The source is read too: what the replica holds is thrown away, and must come again from there.
Result<Reply> run_detach(Services& services, const Args& args) {
  return run_around<detach, with_source>(services, args, "detach-replica-master-host");
}
Result<Reply> run_reattach(Services& services, const Args& args) {
  return run_simple<reattach>(services, args, "reattach-replica-master-host");
}

template <bool source_side, bool on>
Result<Reply> run_semi_sync(Services& services, const Args& args) {
  const std::string name =
      fmt::format("{}-semi-sync-{}", on ? "enable" : "disable", source_side ? "master" : "replica");
  return on_one(
      services, args, name,
      [](InstanceKey key, const Policy&) {
        return source_side ? set_semi_sync_source(std::move(key), on)
                           : set_semi_sync_replica(std::move(key), on);
      },
      kRunsWithNoop);
}

Result<Reply> run_delay(Services& services, const Args& args) {
  if (args.duration.empty()) {
    return fail(ErrorKind::InvalidInput,
                "say how long with --duration, e.g. 1h; 0s ends the delay");
  }
  ORCH_ASSIGN(const std::chrono::seconds delay, parse_simple_time(args.duration));
  return on_one(
      services, args, "delay-replication",
      [delay](InstanceKey key, const Policy&) { return delay_replication(std::move(key), delay); },
      !kRunsWithNoop, with_source);
}

/// The server, those above it and those below: who has replicas is not to lose its history.
Result<std::set<InstanceKey>> with_relatives(const Services& services, const InstanceKey& key) {
  ORCH_ASSIGN(std::set<InstanceKey> keys, with_ancestors(services, key));
  ORCH_ASSIGN(const std::vector<Instance> replicas, services.instances().list({.source = key}));
  for (const Instance& replica : replicas)
    keys.insert(replica.key);
  return keys;
}

Planner gtid_on(InstanceKey key, Policy policy) {
  return use_gtid(std::move(key), true, std::move(policy));
}
Planner gtid_off(InstanceKey key, Policy policy) {
  return use_gtid(std::move(key), false, std::move(policy));
}

/// What the source had before the place at which a replica stands, and the replica does not count
/// as executed: it was restored without its GTIDs. By GTID all that would come again.
Result<GtidSet> uncounted(Services& services, const Instance& replica) {
  ORCH_ASSIGN(const Instance source, probe_and_record(services, replica.replication.source));
  const SteadyPoint end = std::chrono::steady_clock::now() +
                          services.config().connection.mysql_topology_read_timeout_seconds;
  ORCH_ASSIGN(const auto logs, services.servers().open_logs(source, BinlogType::Binary, end));
  ORCH_ASSIGN(const GtidSet to_come, gtids_from(*logs, replica.replication.exec));
  // It went on meanwhile, and has all the more.
  ORCH_ASSIGN(const Instance now, probe_and_record(services, replica.key));
  ORCH_ASSIGN(const GtidSet had, GtidSet::parse(source.gtid.executed));
  ORCH_ASSIGN(const GtidSet counted, GtidSet::parse(now.gtid.executed));
  return had.minus(to_come).minus(counted);
}

Result<Reply> run_enable_gtid(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance replica, probed_instance(services, args));
  const Gtid& gtid = replica.gtid;
  if (is_replica(replica) && gtid.supports_oracle && !gtid.uses_oracle) {
    const std::string key = to_string(replica.key);
    Result<GtidSet> missing = uncounted(services, replica);
    if (!missing) {
      return fail(std::move(missing).error().within(
          fmt::format("Cannot tell whether {} counts all that it has as executed", key)));
    }
    if (!missing->empty()) {
      const std::string set = missing->to_string();
      return fail(ErrorKind::Refused,
                  fmt::format("Cannot enable GTID on {}: by GTID it would be sent again what its "
                              "source had before {}, and what its gtid_executed lacks: {}; if it "
                              "has these rows, SET GLOBAL gtid_purged = '+{}' on it first",
                              key, to_string(replica.replication.exec), set, set));
    }
  }
  return run_around<gtid_on, with_ancestors>(services, args, "enable-gtid");
}
Result<Reply> run_disable_gtid(Services& services, const Args& args) {
  return run_around<gtid_off, with_ancestors>(services, args, "disable-gtid");
}
Result<Reply> run_reset_errant(Services& services, const Args& args) {
  return run_around<reset_errant, with_relatives>(services, args, "gtid-errant-reset-master");
}
Result<Reply> run_inject_errant(Services& services, const Args& args) {
  return run_around<inject_errant, with_ancestors>(services, args, "gtid-errant-inject-empty");
}
Result<Reply> run_change_credentials(Services& services, const Args& args) {
  return run_around<change_source_credentials, with_source>(services, args,
                                                            "change-master-credentials");
}

Result<Reply> run_flush(Services& services, const Args& args) {
  return on_one(services, args, "flush-binary-logs", [&](InstanceKey key, const Policy&) {
    return flush_binary_logs(std::move(key), args.binlog);
  });
}

Result<Reply> run_purge(Services& services, const Args& args) {
  if (args.binlog.empty()) return fail(ErrorKind::InvalidInput, "expecting --binlog value");
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, with_relatives(services, key));
  const Operation operation{
      .planner = purge_binary_logs(key, args.binlog, args.accept_loss),
      .subjects = std::move(subjects),
      .name = "purge-binary-logs",
      .about = key,
      .message = fmt::format("purge binary logs of {} before {}", to_string(key), args.binlog)};
  return run_or_show(services, operation, args, [&](const Outcome&) { return key_reply(key); });
}

/// With GTID the transaction that failed is left out by its name, which the server tells (REF-5).
Result<Reply> run_skip_query(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  std::string gtid;
  if (instance.gtid.supports_oracle && !instance.replication.last_sql_error.empty()) {
    auto failed = services.servers().failed_transaction(
        instance, std::chrono::steady_clock::now() + probe_limit(services));
    // By coordinates it may have none.
    if (!failed && instance.gtid.uses_oracle) return fail(std::move(failed).error());
    if (failed) gtid = *std::move(failed);
  }
  return on_one(services, args, "skip-query", [&](InstanceKey key, Policy policy) {
    return skip_query(std::move(key), gtid, std::move(policy));
  });
}

Result<Reply> run_wait_for_position(Services& services, const Args& args) {
  if (args.binlog.empty()) return fail(ErrorKind::InvalidInput, "expecting --binlog value");
  const auto place = parse_binlog_coordinates(args.binlog);
  if (!place) return fail(ErrorKind::InvalidInput, "Expecing --binlog argument as file:pos");
  // The server's own function knows no limit: the connection's ends it.
  std::chrono::seconds limit = services.config().connection.mysql_topology_read_timeout_seconds;
  if (!args.duration.empty()) {
    ORCH_ASSIGN(limit, parse_simple_time(args.duration));
  }
  return on_one(
      services, args, "master-pos-wait",
      [&](InstanceKey key, const Policy&) {
        return wait_for_position(std::move(key), *place, limit);
      },
      kRunsWithNoop);
}

Result<Reply> run_kill_query(Services& services, const Args& args) {
  const auto session = parse_uint(args.statement);
  if (!session) {
    return fail(ErrorKind::InvalidInput, "give the session's id: --statement 4711");
  }
  return on_one(services, args, "kill-query", [&](InstanceKey key, const Policy&) {
    return kill_query(std::move(key), *session);
  });
}

Result<Reply> run_locate_errant(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  const std::string key = to_string(instance.key);
  ORCH_ASSIGN(const GtidSet errant, GtidSet::parse(instance.gtid.errant));
  if (errant.empty()) {
    return fail(ErrorKind::Refused, "locate-errant-gtid: no errant-gtid on " + key);
  }
  ORCH_ASSIGN(const auto logs,
              services.servers().open_logs(
                  instance, BinlogType::Binary,
                  std::chrono::steady_clock::now() +
                      services.config().connection.mysql_topology_read_timeout_seconds));
  auto files = logs_holding(*logs, errant);
  if (files) return lines_reply(*std::move(files));
  if (files.error().kind != ErrorKind::Refused) return fail(std::move(files).error().within(key));
  return fail(ErrorKind::Refused,
              fmt::format("locate-errant-gtid: {} {} on {}", to_string(Position(errant)),
                          files.error().message, key));
}

Result<Reply> run_which_gtid_errant(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  return line_reply(instance.gtid.errant);
}

/// Lists what would stop and restart the threads that run now, around a statement.
Result<Reply> run_restart_statements(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  const bool new_words = !is_mariadb(instance) &&
                         parse_server_version(instance.server.version) >= ServerVersion{8, 4, 0};
  std::string word = new_words ? "replica" : "slave";
  // MariaDB's words without a name are about the connection without one.
  if (const std::string& channel = instance.replication.channel;
      is_mariadb(instance) && !channel.empty()) {
    word += " " + sql_quoted(channel);
  }
  std::vector<std::string> lines;
  const bool receiver = instance.replication.io_state == ThreadState::Running;
  const bool applier = instance.replication.sql_state == ThreadState::Running;
  if (receiver) lines.push_back(fmt::format("stop {} io_thread;", word));
  if (applier) lines.push_back(fmt::format("stop {} sql_thread;", word));
  std::string_view injected = trim(args.statement);
  while (injected.ends_with(';'))
    injected = trim(injected.substr(0, injected.size() - 1));
  if (!injected.empty()) lines.push_back(fmt::format("{};", injected));
  if (applier) lines.push_back(fmt::format("start {} sql_thread;", word));
  if (receiver) lines.push_back(fmt::format("start {} io_thread;", word));
  return lines_reply(std::move(lines));
}

Command switching(std::string_view name, std::string_view section, std::string_view help,
                  Result<Reply> (*run)(Services&, const Args&)) {
  return {.name = name,
          .section = section,
          .help = help,
          .example = "db2.example",
          .words = {Word::Instance},
          .required = 1,
          .options = Option::DryRun | Option::Owner,
          .access = Access::Write,
          .needs = Needs::Servers,
          .run = run};
}

}  // namespace

std::vector<Command> replication_commands() {
  constexpr std::string_view kGeneral = "Replication, general";
  constexpr std::string_view kLogs = "Binary logs";
  std::vector<Command> commands = {
      {.name = "which-gtid-errant",
       .section = kGeneral,
       .help = "The errant GTID set of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .needs = Needs::Servers,
       .run = run_which_gtid_errant},
      switching("stop-replica", kGeneral, "Stop replication on an instance", run_stop),
      switching("stop-replica-nice", kGeneral,
                "Stop replication when all that was received is applied", run_stop_nicely),
      switching("start-replica", kGeneral, "Start replication on an instance", run_start),
      switching("restart-replica", kGeneral, "Stop and start replication on an instance",
                run_restart),
      switching("reset-replica", kGeneral,
                "Stop replication and make the instance forget its source", run_reset),
      switching("detach-replica-master-host", kGeneral,
                "Stop replication by a source name that leads nowhere; reversible", run_detach),
      switching("reattach-replica-master-host", kGeneral, "Undo detach-replica-master-host",
                run_reattach),
      switching("enable-semi-sync-master", kGeneral, "Switch semi-sync on as a master",
                run_semi_sync<true, true>),
      switching("disable-semi-sync-master", kGeneral, "Switch semi-sync off as a master",
                run_semi_sync<true, false>),
      switching("enable-semi-sync-replica", kGeneral, "Switch semi-sync on as a replica",
                run_semi_sync<false, true>),
      switching("disable-semi-sync-replica", kGeneral, "Switch semi-sync off as a replica",
                run_semi_sync<false, false>),
      switching("delay-replication", kGeneral, "Make an instance replicate with a delay",
                run_delay),
      switching("enable-gtid", kGeneral, "Replicate by GTID instead of coordinates",
                run_enable_gtid),
      switching("disable-gtid", kGeneral, "Replicate by coordinates instead of GTID",
                run_disable_gtid),
      switching("skip-query", kGeneral, "Leave out the transaction at which replication stopped",
                run_skip_query),
      switching("master-pos-wait", kGeneral,
                "Wait until an instance has executed so much of its source's binary log",
                run_wait_for_position),
      switching("kill-query", kGeneral, "End the statement that a session of an instance runs",
                run_kill_query),
      switching("gtid-errant-reset-master", kGeneral,
                "Make a server without replicas forget its errant GTIDs", run_reset_errant),
      switching("gtid-errant-inject-empty", kGeneral,
                "Commit empty transactions for errant GTIDs on the master", run_inject_errant),
      switching("change-master-credentials", kGeneral,
                "Tell a stopped replica the user and password for its source anew",
                run_change_credentials),
      {.name = "restart-replica-statements",
       .section = kGeneral,
       .help = "List the statements that stop and restart replication around another statement",
       .example = "db2.example --statement 'change master to master_heartbeat_period=5'",
       .words = {Word::Instance},
       .required = 1,
       .options = Option::Statement,
       .needs = Needs::Servers,
       .run = run_restart_statements},
      {.name = "locate-gtid-errant",
       .section = kLogs,
       .help = "The binary logs that hold errant GTIDs of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .needs = Needs::Servers,
       .run = run_locate_errant},
      switching("set-read-only", "Instance", "Make an instance read-only", run_set_read_only),
      switching("set-writeable", "Instance", "Make an instance writable", run_set_writeable),
      switching("flush-binary-logs", kLogs, "Begin new binary logs, up to one if it is named",
                run_flush),
      switching("purge-binary-logs", kLogs,
                "Drop the binary logs before one, when no replica needs them", run_purge),
  };
  for (Command& command : commands) {
    if (command.name == "stop-replica-nice" || command.name == "delay-replication" ||
        command.name == "gtid-errant-inject-empty") {
      command.offer = Offer::Verb;
    }
    if (command.name == "delay-replication") command.example = "db2.example --duration 1h";
    if (command.name == "kill-query") {
      command.offer = Offer::Verb;
      command.options = command.options | Option::Statement;
      command.example = "db2.example --statement 4711";
    }
    if (command.name == "master-pos-wait") {
      command.options = command.options | Option::Binlog | Option::Duration;
      command.example = "db2.example --binlog bin.000123:4 --duration 1m";
    }
    if (command.section == kLogs && command.access == Access::Write) {
      command.options = command.options | Option::Binlog;
      command.example = "db2.example --binlog bin.000123";
    }
    if (command.name == "delay-replication") command.options = command.options | Option::Duration;
  }
  return commands;
}

}  // namespace orch::cmd

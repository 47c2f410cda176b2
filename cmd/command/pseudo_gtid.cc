#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/moving.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/replies.h"
#include "core/align/alignment.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "core/plan/refactor/match.h"

namespace orch::cmd {

namespace {

Result<Reply> run_match(Services& services, const Args& args) {
  return move_one(services, args, "match-below", match_below);
}
Result<Reply> run_match_up(Services& services, const Args& args) {
  return move_by_one(services, args, "match-up", match_up);
}
Result<Reply> run_rematch(Services& services, const Args& args) {
  return move_by_one(services, args, "rematch", rematch);
}
Result<Reply> run_match_replicas(Services& services, const Args& args) {
  return move_many(services, args, "multi-match-replicas", match_replicas);
}
Result<Reply> run_match_up_replicas(Services& services, const Args& args) {
  return move_many_up(services, args, "multi-match-replicas", match_up_replicas);
}
Result<Reply> run_regroup_pgtid(Services& services, const Args& args) {
  return regroup(services, args, "regroup-replicas", RegroupBy::PseudoGtid,
                 "{} lost: {}, trivial: 0, pseudo-gtid: {}");
}

// --- What logs say ---

SteadyPoint reading_deadline(const Services& services) {
  return std::chrono::steady_clock::now() +
         services.config().connection.mysql_topology_read_timeout_seconds;
}

Result<std::unique_ptr<EventLogs>> open_logs(const Services& services, const Instance& instance,
                                             BinlogType type) {
  return services.servers().open_logs(instance, type, reading_deadline(services));
}

/// --binlog file:pos; nothing when it is not given. Errors: InvalidInput, with the contract's text.
Result<std::optional<BinlogCoordinates>> place_argument(const Args& args, BinlogType type) {
  if (args.binlog.empty()) return std::optional<BinlogCoordinates>();
  std::optional<BinlogCoordinates> place = parse_binlog_coordinates(args.binlog);
  if (!place) {
    return fail(ErrorKind::InvalidInput, "Expecing --binlog argument as file:pos");
  }
  place->type = type;
  return place;
}

Result<Instance> probed_destination(const Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, destination_argument(services, args));
  return probe_and_record(services, key);
}

Result<BinlogEvent> newest_entry(const Services& services, const Instance& instance,
                                 BinlogType type, const EntryRules& rules, bool exhaustive) {
  ORCH_ASSIGN(const auto logs, open_logs(services, instance, type));
  return last_entry(*logs, rules, std::nullopt, exhaustive);
}

Result<Reply> run_last_entry(Services& services, const Args& args) {
  ORCH_ASSIGN(const EntryRules rules, entry_rules(services));
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  auto found = newest_entry(services, instance, BinlogType::Binary, rules, args.strict);
  if (!found && is_replica(instance)) {
    auto relayed = newest_entry(services, instance, BinlogType::Relay, rules, args.strict);
    if (relayed) found = std::move(relayed);
  }
  if (!found) return fail(std::move(found).error().within(to_string(instance.key)));
  return line_reply(fmt::format("{}:{}", to_string(found->place), printable(found->info)));
}

Result<Reply> run_find_entry(Services& services, const Args& args) {
  if (args.pattern.empty()) return fail(ErrorKind::InvalidInput, "No pattern given");
  const PseudoGtidSettings& settings = services.config().pseudo_gtid;
  ORCH_ASSIGN(const EntryRules rules,
              EntryRules::compile({.pattern = args.pattern,
                                   .is_fixed = true,
                                   .monotonic_hint = settings.pseudo_gtid_monotonic_hint,
                                   .skipped = {}}));
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  ORCH_ASSIGN(const auto logs, open_logs(services, instance, BinlogType::Binary));
  ORCH_ASSIGN(const BinlogEvent found, find_entry(*logs, rules, args.pattern));
  return line_reply(to_string(found.place));
}

Result<Reply> run_correlate(Services& services, const Args& args) {
  ORCH_ASSIGN(const auto until, place_argument(args, BinlogType::Binary));
  ORCH_ASSIGN(const EntryRules rules, entry_rules(services));
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  if (!instance.server.log_bin) {
    return fail(ErrorKind::Refused,
                "Instance does not have binary logs: " + to_string(instance.key));
  }
  ORCH_ASSIGN(const Instance other, probed_destination(services, args));
  ORCH_ASSIGN(const auto here, open_logs(services, instance, BinlogType::Binary));
  ORCH_ASSIGN(const auto there, open_logs(services, other, BinlogType::Binary));
  ORCH_ASSIGN(const Alignment found, align(*here, *there, rules, until));
  return line_reply(to_string(found.below));
}

Result<Reply> run_last_applied(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  ORCH_ASSIGN(const auto logs, open_logs(services, instance, BinlogType::Relay));
  ORCH_ASSIGN(const BinlogEvent event, last_applied(*logs));
  return line_reply(fmt::format("{{Coordinates:{} NextEventPos:{} EventType:{} Info:{}}}:{}",
                                to_string(event.place), event.end_pos, printable(event.type),
                                printable(event.info), event.end_pos));
}

Result<Reply> run_correlate_relay(Services& services, const Args& args) {
  ORCH_ASSIGN(const auto place, place_argument(args, BinlogType::Relay));
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  ORCH_ASSIGN(const Instance other, probed_destination(services, args));
  if (instance.key == other.key || !is_replica(instance) ||
      instance.replication.source != other.replication.source) {
    return fail(ErrorKind::Refused, fmt::format("instances are not siblings: {}, {}",
                                                to_string(instance.key), to_string(other.key)));
  }
  ORCH_ASSIGN(const auto here, open_logs(services, instance, BinlogType::Relay));
  ORCH_ASSIGN(const BinlogEvent event, place ? event_at(*here, *place) : last_applied(*here));
  ORCH_ASSIGN(const auto there, open_logs(services, other, BinlogType::Relay));
  auto found = find_relayed(*there, event);
  if (!found) return fail(std::move(found).error().within(to_string(other.key)));
  return line_reply(fmt::format("{};{};{}", to_string(event.place), to_string(found->event.place),
                                to_string(found->next)));
}

Command reading_logs(std::string_view name, std::string_view help, std::string_view example,
                     Option options, Result<Reply> (*run)(Services&, const Args&)) {
  return {.name = name,
          .section = "Binary logs",
          .help = help,
          .example = example,
          .words = {Word::Instance},
          .required = 1,
          .options = options,
          .needs = Needs::Servers,
          .run = run};
}

Command correlating(std::string_view name, std::string_view help, std::string_view example,
                    Result<Reply> (*run)(Services&, const Args&)) {
  Command command = reading_logs(name, help, example, Option::Binlog, run);
  command.words = {Word::Instance, Word::Destination};
  command.required = 2;
  return command;
}

}  // namespace

std::vector<Command> pseudo_gtid_commands() {
  constexpr std::string_view kSection = "Pseudo-GTID relocation";
  std::vector<Command> commands = {
      moving("match", kSection, "Move a replica beneath another instance by Pseudo-GTID",
             run_match),
      moving("match-up", kSection, "Move a replica beneath the source of its source by Pseudo-GTID",
             run_match_up),
      moving("rematch", kSection, "Reconnect a replica to its own source by Pseudo-GTID",
             run_rematch),
      moving_many("match-replicas", kSection,
                  "Move all or some replicas of an instance beneath another by Pseudo-GTID",
                  run_match_replicas),
      moving_many("match-up-replicas", kSection,
                  "Move all or some replicas of an instance beneath its source by Pseudo-GTID",
                  run_match_up_replicas),
      moving("regroup-replicas-pgtid", kSection,
             "Make the best replica the source of its siblings by Pseudo-GTID", run_regroup_pgtid)};
  for (Command& command : commands) {
    command.options = command.options | Option::SkipBinlogSearch;
    if (command.name == "match" || command.name == "match-replicas") continue;
    command.words = {Word::Instance};
    command.required = 1;
    command.example = "db2.example";
  }
  for (const Command& command :
       {reading_logs("last-pseudo-gtid", "The newest Pseudo-GTID entry in the logs of an instance",
                     "db2.example", Option::Strict, run_last_entry),
        reading_logs("find-binlog-entry", "Where in an instance's binary logs a text stands",
                     "db2.example --pattern 'drop view ...'", Option::Pattern, run_find_entry),
        correlating("correlate-binlog-pos",
                    "Where the binary log of an instance goes on in that of another",
                    "db3.example db2.example", run_correlate),
        reading_logs("last-executed-relay-entry",
                     "The last event in the relay logs that an instance has applied", "db2.example",
                     Option::None, run_last_applied),
        correlating("correlate-relaylog-pos",
                    "Where in a sibling's relay logs an event of an instance's stands",
                    "db3.example db2.example", run_correlate_relay)}) {
    commands.push_back(command);
  }
  return commands;
}

}  // namespace orch::cmd

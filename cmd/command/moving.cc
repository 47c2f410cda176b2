#include "cmd/command/moving.h"

#include <fmt/format.h>

#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "core/base/pattern.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace orch::cmd {

Result<Policy> moving_policy(const Services& services, const Args& args) {
  ORCH_ASSIGN(Policy policy, policy_of(services));
  policy.relay_logs_only = args.skip_binlog_search;
  return policy;
}

Reply moved_reply(const Outcome& outcome) {
  Reply reply;
  Json moved = Json::array();
  Json lost = Json::array();
  for (const InstanceKey& key : outcome.account.moved) {
    reply.lines.push_back(to_string(key));
    moved.push_back(to_json(key));
  }
  for (const LostReplica& replica : outcome.account.lost) {
    reply.notes.push_back(fmt::format("{}: {}", to_string(replica.key), replica.because));
    lost.push_back({{"Key", to_json(replica.key)}, {"Because", replica.because}});
  }
  reply.failed = !outcome.account.lost.empty();
  const std::vector<std::string>& notes = outcome.account.notes;
  reply.notes.insert(reply.notes.end(), notes.begin(), notes.end());
  reply.json = dump({{"Moved", moved}, {"NotMoved", lost}, {"Notes", notes}});
  return reply;
}

Reply below_reply(const InstanceKey& key, const InstanceKey& source,
                  std::vector<std::string> notes) {
  Reply reply;
  reply.lines.push_back(fmt::format("{}<{}", to_string(key), to_string(source)));
  reply.json = dump({{"Key", to_json(key)}, {"MasterKey", to_json(source)}, {"Notes", notes}});
  reply.notes = std::move(notes);
  return reply;
}

Result<ReplicaFilter> filter_argument(const Args& args) {
  if (args.pattern.empty()) return ReplicaFilter([](const Instance&) { return true; });
  ORCH_ASSIGN(Pattern pattern, Pattern::compile(args.pattern));
  return ReplicaFilter([pattern = std::move(pattern)](const Instance& instance) {
    return pattern.matches(to_string(instance.key));
  });
}

Result<std::set<InstanceKey>> replicas_of(const Services& services, const InstanceKey& of) {
  ORCH_ASSIGN(const std::vector<Instance> replicas, services.instances().list({.source = of}));
  std::set<InstanceKey> keys;
  for (const Instance& replica : replicas)
    keys.insert(replica.key);
  return keys;
}

Result<std::set<InstanceKey>> two_above(const Services& services, const InstanceKey& of) {
  std::set<InstanceKey> keys{of};
  InstanceKey next = of;
  for (int level = 0; level < 2; ++level) {
    ORCH_ASSIGN(const std::optional<Instance> record, services.instances().find(next));
    if (!record || !is_valid(record->replication.source)) break;
    next = record->replication.source;
    keys.insert(next);
  }
  return keys;
}

namespace {

/// Adds what stands around those among the subjects that are binlog servers.
Result<> add_around_binlog_servers(const Services& services, std::set<InstanceKey>& subjects,
                                   Result<std::set<InstanceKey>> (*around)(const Services&,
                                                                           const InstanceKey&)) {
  for (const InstanceKey& key : std::set<InstanceKey>(subjects)) {
    ORCH_ASSIGN(const std::optional<Instance> record, services.instances().find(key));
    if (!record || !record->server.binlog_server) continue;
    ORCH_ASSIGN(const std::set<InstanceKey> found, around(services, key));
    subjects.insert(found.begin(), found.end());
  }
  return {};
}

/// As find_known, in the words that the contract has for moves.
Result<Instance> find_to_move(const Services& services, const InstanceKey& key) {
  Result<Instance> found = find_known(services, key);
  if (found || found.error().kind != ErrorKind::NotFound) return found;
  return fail(std::move(found).error().within("Error reading " + to_string(key)));
}

Result<Instance> moving_instance(const Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  return find_to_move(services, key);
}

Result<Instance> moving_destination(const Services& services, const Args& args,
                                    std::string_view command) {
  const Result<InstanceKey> key = destination_argument(services, args);
  if (key) return find_to_move(services, *key);
  if (key.error().kind != ErrorKind::InvalidInput || command != "move-below") {
    return fail(key.error());
  }
  return fail(ErrorKind::InvalidInput,
              fmt::format("Cannot deduce destination/sibling: {}", printable(args.destination)));
}

}  // namespace

Result<Reply> move_one(Services& services, const Args& args, std::string_view name, MakeMove make) {
  ORCH_ASSIGN(const Instance instance, moving_instance(services, args));
  ORCH_ASSIGN(const Instance destination, moving_destination(services, args, name));
  ORCH_ASSIGN(Policy policy, moving_policy(services, args));
  std::set<InstanceKey> subjects{instance.key, destination.key};
  if (is_valid(instance.replication.source)) subjects.insert(instance.replication.source);
  // One may go by way of the server whose log a binlog server hands out.
  ORCH_TRY(add_around_binlog_servers(services, subjects, two_above));
  const Operation operation{.planner = make(instance.key, destination.key, std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = std::string(name),
                            .about = instance.key,
                            .message = fmt::format("relocated {} below {}", to_string(instance.key),
                                                   to_string(destination.key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    return below_reply(instance.key, destination.key, outcome.account.notes);
  });
}

Result<Reply> move_by_one(Services& services, const Args& args, std::string_view name,
                          MakeMoveUp make) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, two_above(services, key));
  ORCH_ASSIGN(Policy policy, moving_policy(services, args));
  const Operation operation{.planner = make(key, std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = std::string(name),
                            .about = key,
                            .message = fmt::format("{} {}", name, to_string(key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    if (name == "make-co-master") return key_reply(key);
    const Instance* now = outcome.topology.find(key);
    return below_reply(key, now == nullptr ? InstanceKey{} : now->replication.source,
                       outcome.account.notes);
  });
}

Result<Reply> move_many(Services& services, const Args& args, std::string_view name,
                        MakeMoves make) {
  ORCH_ASSIGN(const Instance of, moving_instance(services, args));
  ORCH_ASSIGN(const Instance destination, moving_destination(services, args, name));
  ORCH_ASSIGN(ReplicaFilter filter, filter_argument(args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of.key));
  if (subjects.empty() && !args.dry_run) return moved_reply({});
  // Those below go without a binlog server that cannot go itself.
  ORCH_TRY(add_around_binlog_servers(services, subjects, replicas_of));
  subjects.insert(destination.key);
  if (of.server.binlog_server) subjects.insert(of.key);
  // One may go by way of the server whose log a binlog server hands out.
  ORCH_TRY(add_around_binlog_servers(services, subjects, two_above));
  ORCH_ASSIGN(Policy policy, moving_policy(services, args));
  const Operation operation{
      .planner = make(of.key, destination.key, std::move(filter), std::move(policy)),
      .subjects = std::move(subjects),
      .name = std::string(name),
      .about = of.key,
      .message = fmt::format("relocate replicas of {} below {}", to_string(of.key),
                             to_string(destination.key))};
  return run_or_show(services, operation, args, moved_reply);
}

Result<Reply> move_many_up(Services& services, const Args& args, std::string_view name,
                           MakeMovesUp make) {
  ORCH_ASSIGN(const InstanceKey of, instance_argument(services, args));
  ORCH_ASSIGN(ReplicaFilter filter, filter_argument(args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of));
  if (subjects.empty() && !args.dry_run) return moved_reply({});
  ORCH_ASSIGN(const std::set<InstanceKey> above, two_above(services, of));
  subjects.insert(above.begin(), above.end());
  ORCH_ASSIGN(Policy policy, moving_policy(services, args));
  const Operation operation{.planner = make(of, std::move(filter), std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = std::string(name),
                            .about = of,
                            .message = fmt::format("move up replicas of {}", to_string(of))};
  return run_or_show(services, operation, args, moved_reply);
}

Result<Reply> regroup(Services& services, const Args& args, std::string_view name, RegroupBy by,
                      std::string_view words) {
  ORCH_ASSIGN(const Instance of, known_instance(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of.key));
  if (subjects.empty() && !args.dry_run) return moved_reply({});
  const std::size_t count = subjects.size();
  ORCH_ASSIGN(Policy policy, moving_policy(services, args));
  const Operation operation{.planner = regroup_replicas(of.key, by, std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = std::string(name),
                            .about = of.key,
                            .message = fmt::format("regrouped replicas of {}", to_string(of.key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    Reply reply = moved_reply(outcome);
    const std::string leader = to_string(outcome.account.promoted.value_or(InstanceKey{}));
    std::vector<std::string> lines;
    if (count > 1) lines.push_back(leader);
    lines.push_back(
        fmt::format(fmt::runtime(words), leader, outcome.account.lost.size(), reply.lines.size()));
    reply.lines = std::move(lines);
    return reply;
  });
}

Command moving(std::string_view name, std::string_view section, std::string_view help,
               Result<Reply> (*run)(Services&, const Args&)) {
  return {.name = name,
          .section = section,
          .help = help,
          .example = "db3.example db2.example",
          .words = {Word::Instance, Word::Destination},
          .required = 2,
          .options = Option::DryRun | Option::Owner | Option::SkipUnresolve,
          .access = Access::Write,
          .needs = Needs::Servers,
          .run = run};
}

Command moving_many(std::string_view name, std::string_view section, std::string_view help,
                    Result<Reply> (*run)(Services&, const Args&)) {
  Command command = moving(name, section, help, run);
  command.options = command.options | Option::Pattern;
  return command;
}

}  // namespace orch::cmd

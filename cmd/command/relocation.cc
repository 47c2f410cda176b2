#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/operation.h"
#include "cmd/command/replies.h"
#include "core/base/log.h"
#include "core/base/pattern.h"
#include "core/json/json.h"
#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/regroup.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/refactor/take_source.h"
#include "ha/hook_lists.h"

namespace orch::cmd {

namespace {

/// Moved and left behind: the moved as lines, the others as notes.
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
  reply.json = dump({{"Moved", moved}, {"NotMoved", lost}});
  return reply;
}

/// "I<D"
Reply below_reply(const InstanceKey& key, const InstanceKey& source) {
  Reply reply;
  reply.lines.push_back(fmt::format("{}<{}", to_string(key), to_string(source)));
  reply.json = dump({{"Key", to_json(key)}, {"MasterKey", to_json(source)}});
  return reply;
}

using MakeMove = Planner (*)(InstanceKey, InstanceKey, Policy);

Result<Reply> move_one(Services& services, const Args& args, std::string_view name, MakeMove make) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  ORCH_ASSIGN(const Instance destination, known_destination(services, args));
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{.planner = make(instance.key, destination.key, std::move(policy)),
                            .subjects = {instance.key, destination.key},
                            .name = std::string(name),
                            .about = instance.key,
                            .message = fmt::format("relocated {} below {}", to_string(instance.key),
                                                   to_string(destination.key))};
  return run_or_show(services, operation, args,
                     [&](const Outcome&) { return below_reply(instance.key, destination.key); });
}

Result<Reply> run_relocate(Services& services, const Args& args) {
  return move_one(services, args, "relocate-below", relocate);
}

Result<Reply> run_move_gtid(Services& services, const Args& args) {
  return move_one(services, args, "move-below-gtid", move_gtid);
}

Result<Reply> run_repoint(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  std::optional<InstanceKey> destination;
  std::set<InstanceKey> subjects{key};
  if (!args.destination.empty()) {
    ORCH_ASSIGN(destination, destination_argument(services, args));
    subjects.insert(*destination);
  } else {
    ORCH_ASSIGN(const Instance record, find_known(services, key));
    if (is_valid(record.replication.source)) subjects.insert(record.replication.source);
  }
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{.planner = repoint(key, destination, std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = "repoint",
                            .about = key,
                            .message = fmt::format("repoint {}", to_string(key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    const Instance* now = outcome.topology.find(key);
    return below_reply(key, now == nullptr ? InstanceKey{} : now->replication.source);
  });
}

/// The sources of `of`, nearest first, as far as a move by one level looks.
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

/// An operation on a replica and those above it, answered with what then is its source.
Result<Reply> move_by_one(Services& services, const Args& args, std::string_view name,
                          Planner (*make)(InstanceKey, Policy)) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, two_above(services, key));
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{.planner = make(key, std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = std::string(name),
                            .about = key,
                            .message = fmt::format("{} {}", name, to_string(key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    if (name == "make-co-master") return key_reply(key);
    const Instance* now = outcome.topology.find(key);
    return below_reply(key, now == nullptr ? InstanceKey{} : now->replication.source);
  });
}

Result<Reply> run_move_up(Services& services, const Args& args) {
  return move_by_one(services, args, "move-up", move_up);
}

Result<Reply> run_make_co_master(Services& services, const Args& args) {
  return move_by_one(services, args, "make-co-master", make_co_source);
}

Result<Reply> run_move_below(Services& services, const Args& args) {
  return move_one(services, args, "move-below", move_below);
}

Result<Reply> run_take_master(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  ORCH_ASSIGN(Policy policy, policy_of(services));
  Operation operation{.planner = take_source(instance.key, std::move(policy)),
                      .subjects = {instance.key},
                      .name = "take-master",
                      .about = instance.key,
                      .message = fmt::format("{} takes its source {}", to_string(instance.key),
                                             to_string(instance.replication.source))};
  if (is_valid(instance.replication.source)) {
    operation.subjects.insert(instance.replication.source);
    ORCH_ASSIGN(const std::optional<Instance> source,
                services.instances().find(instance.replication.source));
    if (source && is_valid(source->replication.source)) {
      operation.subjects.insert(source->replication.source);
    }
  }
  return run_or_show(services, operation, args, [&](const Outcome&) {
    Reply reply = key_reply(instance.key);
    const Result<> ran = ha::run_take_master_hooks(services.config().recovery, instance.key,
                                                   instance.replication.source,
                                                   {.tell = [](const std::string& line) {
                                                     log::info("{}", line);
                                                   }});
    if (!ran) reply.notes.push_back(ran.error().message);
    return reply;
  });
}

// --- Many replicas ---

Result<ReplicaFilter> filter_argument(const Args& args) {
  if (args.pattern.empty()) return ReplicaFilter([](const Instance&) { return true; });
  ORCH_ASSIGN(Pattern pattern, Pattern::compile(args.pattern));
  return ReplicaFilter([pattern = std::move(pattern)](const Instance& instance) {
    return pattern.matches(to_string(instance.key));
  });
}

/// The replicas of `of` as the backend knows them.
Result<std::set<InstanceKey>> replicas_of(const Services& services, const InstanceKey& of) {
  ORCH_ASSIGN(const std::vector<Instance> replicas, services.instances().list({.source = of}));
  std::set<InstanceKey> keys;
  for (const Instance& replica : replicas)
    keys.insert(replica.key);
  return keys;
}

using MakeMoves = Planner (*)(InstanceKey, InstanceKey, ReplicaFilter, Policy);

Result<Reply> move_many(Services& services, const Args& args, std::string_view name,
                        MakeMoves make) {
  ORCH_ASSIGN(const Instance of, known_instance(services, args));
  ORCH_ASSIGN(const Instance destination, known_destination(services, args));
  ORCH_ASSIGN(ReplicaFilter filter, filter_argument(args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of.key));
  if (subjects.empty()) return keys_reply({});
  subjects.insert(destination.key);
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{
      .planner = make(of.key, destination.key, std::move(filter), std::move(policy)),
      .subjects = std::move(subjects),
      .name = std::string(name),
      .about = of.key,
      .message = fmt::format("relocate replicas of {} below {}", to_string(of.key),
                             to_string(destination.key))};
  return run_or_show(services, operation, args, moved_reply);
}

Result<Reply> run_relocate_replicas(Services& services, const Args& args) {
  return move_many(services, args, "relocate-replicas", relocate_replicas);
}

Result<Reply> run_move_replicas_gtid(Services& services, const Args& args) {
  return move_many(services, args, "move-replicas-gtid", move_replicas_gtid);
}

Result<Reply> run_repoint_replicas(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey of, instance_argument(services, args));
  std::optional<InstanceKey> destination;
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of));
  if (subjects.empty()) return keys_reply({});
  subjects.insert(of);
  if (!args.destination.empty()) {
    ORCH_ASSIGN(destination, destination_argument(services, args));
    subjects.insert(*destination);
  }
  ORCH_ASSIGN(ReplicaFilter filter, filter_argument(args));
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{
      .planner = repoint_replicas(of, destination, std::move(filter), std::move(policy)),
      .subjects = std::move(subjects),
      .name = "repoint",
      .about = of,
      .message = fmt::format("repoint replicas of {}", to_string(of))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    Reply reply = moved_reply(outcome);
    for (std::string& line : reply.lines)
      line += "<" + to_string(of);  // the contract's form
    return reply;
  });
}

Result<Reply> run_move_up_replicas(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey of, instance_argument(services, args));
  ORCH_ASSIGN(ReplicaFilter filter, filter_argument(args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of));
  if (subjects.empty()) return keys_reply({});
  ORCH_ASSIGN(const std::set<InstanceKey> above, two_above(services, of));
  subjects.insert(above.begin(), above.end());
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{.planner = move_up_replicas(of, std::move(filter), std::move(policy)),
                            .subjects = std::move(subjects),
                            .name = "move-up-replicas",
                            .about = of,
                            .message = fmt::format("move up replicas of {}", to_string(of))};
  return run_or_show(services, operation, args, moved_reply);
}

/// The one chosen, then what became of the others; `words` are the contract's for these.
Result<Reply> regroup(Services& services, const Args& args, std::string_view name,
                      std::string_view words) {
  ORCH_ASSIGN(const Instance of, known_instance(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of.key));
  if (subjects.empty()) return keys_reply({});
  const std::size_t count = subjects.size();
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{.planner = regroup_replicas(of.key, std::move(policy)),
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

Result<Reply> run_regroup(Services& services, const Args& args) {
  return regroup(services, args, "regroup-replicas", "{} lost: {}, trivial: 0, pseudo-gtid: {}");
}

Result<Reply> run_regroup_gtid(Services& services, const Args& args) {
  return regroup(services, args, "regroup-replicas-gtid", "{} lost: {}, moved: {}");
}

Result<Reply> run_take_siblings(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  if (!is_replica(instance)) {
    return fail(ErrorKind::Refused, fmt::format("take-siblings: instance {} is not a replica.",
                                                to_string(instance.key)));
  }
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, instance.replication.source));
  subjects.insert(instance.key);
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{
      .planner = take_siblings(instance.key, std::move(policy)),
      .subjects = std::move(subjects),
      .name = "relocate-replicas",
      .about = instance.key,
      .message = fmt::format("{} takes its siblings", to_string(instance.key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    Reply reply = moved_reply(outcome);
    reply.lines = {to_string(instance.key)};
    return reply;
  });
}

constexpr Option kMoveOptions = Option::DryRun | Option::Owner;
constexpr std::string_view kSmart = "Smart relocation";
constexpr std::string_view kClassic = "Classic file:pos relocation";
constexpr std::string_view kGtid = "GTID relocation";

Command moving(std::string_view name, std::string_view section, std::string_view help,
               Result<Reply> (*run)(Services&, const Args&)) {
  return {.name = name,
          .section = section,
          .help = help,
          .example = "db3.example db2.example",
          .words = {Word::Instance, Word::Destination},
          .required = 2,
          .options = kMoveOptions,
          .access = Access::Write,
          .needs = Needs::Servers,
          .run = run};
}

Command moving_many(std::string_view name, std::string_view section, std::string_view help,
                    Result<Reply> (*run)(Services&, const Args&)) {
  Command command = moving(name, section, help, run);
  command.options = kMoveOptions | Option::Pattern;
  return command;
}

}  // namespace

std::vector<Command> relocation_commands() {
  std::vector<Command> commands = {
      moving("relocate", kSmart, "Relocate a replica beneath another instance", run_relocate),
      moving_many("relocate-replicas", kSmart,
                  "Relocate all or some replicas of an instance beneath another",
                  run_relocate_replicas),
      moving("take-siblings", kSmart, "Make all siblings of a replica its own replicas",
             run_take_siblings),
      moving("regroup-replicas", kSmart, "Make the best replica the source of its siblings",
             run_regroup),
      moving("move-up", kClassic, "Move a replica beneath the source of its source", run_move_up),
      moving_many("move-up-replicas", kClassic,
                  "Move all or some replicas of an instance beneath its source",
                  run_move_up_replicas),
      moving("move-below", kClassic, "Move a replica beneath its sibling", run_move_below),
      moving("make-co-master", kClassic, "Make the source of a replica replicate from it",
             run_make_co_master),
      moving("repoint", kClassic, "Point a replica at another source, or anew at its own",
             run_repoint),
      moving_many("repoint-replicas", kClassic, "Point all or some replicas of an instance anew",
                  run_repoint_replicas),
      moving("take-master", kClassic, "Swap a replica and its source", run_take_master),
      moving("move-gtid", kGtid, "Move a replica beneath another instance by GTID", run_move_gtid),
      moving_many("move-replicas-gtid", kGtid,
                  "Move all or some replicas of an instance beneath another by GTID",
                  run_move_replicas_gtid),
      moving("regroup-replicas-gtid", kGtid,
             "Make the best replica the source of its siblings by GTID", run_regroup_gtid),
  };
  for (Command& command : commands) {
    constexpr std::string_view kAlone[] = {
        "take-siblings",    "take-master",          "move-up", "move-up-replicas", "make-co-master",
        "regroup-replicas", "regroup-replicas-gtid"};
    if (std::find(std::begin(kAlone), std::end(kAlone), command.name) != std::end(kAlone)) {
      command.words = {Word::Instance};
      command.example = "db2.example";
    }
    if (command.name == "repoint" || command.name == "repoint-replicas") command.required = 1;
    command.required = std::min(command.required, command.words.size());
  }
  return commands;
}

}  // namespace orch::cmd

#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/moving.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/operation.h"
#include "cmd/command/replies.h"
#include "core/base/log.h"
#include "core/json/json.h"
#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/regroup.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/refactor/take_source.h"
#include "ha/hook_lists.h"
#include "storage/equivalence_store.h"

namespace orch::cmd {

namespace {

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
    return below_reply(key, now == nullptr ? InstanceKey{} : now->replication.source,
                       outcome.account.notes);
  });
}

Result<Reply> run_move_up(Services& services, const Args& args) {
  return move_by_one(services, args, "move-up", move_up);
}

Result<Reply> run_make_local_master(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, two_above(services, instance.key));
  ORCH_ASSIGN(const std::set<InstanceKey> siblings,
              replicas_of(services, instance.replication.source));
  subjects.insert(siblings.begin(), siblings.end());
  ORCH_ASSIGN(Policy policy, moving_policy(services, args));
  const Operation operation{
      .planner = make_local_source(instance.key, std::move(policy)),
      .subjects = std::move(subjects),
      .name = "make-local-master",
      .about = instance.key,
      .message = fmt::format("{} becomes the source of its siblings", to_string(instance.key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    Reply reply = moved_reply(outcome);
    reply.lines = {to_string(instance.key)};
    return reply;
  });
}

/// To the place on the destination that is known to equal the one where the instance is.
Result<Reply> run_move_equivalent(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, probed_instance(services, args));
  ORCH_ASSIGN(const InstanceKey destination, destination_argument(services, args));
  if (instance.key == destination) {
    return fail(ErrorKind::Refused, "MoveEquivalent: attempt to move an instance below itself " +
                                        to_string(instance.key));
  }
  const BinlogCoordinates& now = instance.replication.exec;
  ORCH_ASSIGN(const std::optional<BinlogCoordinates> equal,
              services.store<storage::EquivalenceStore>().find({instance.replication.source, now},
                                                               destination));
  if (!equal) {
    return fail(ErrorKind::Refused,
                fmt::format("No equivalent coordinates found for {} replicating from {} at {}",
                            to_string(instance.key), to_string(instance.replication.source),
                            to_string(now)));
  }
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{
      .planner = move_equivalent(instance.key, destination, now, *equal, std::move(policy)),
      .subjects = {instance.key, destination},
      .name = "move-equivalent",
      .about = instance.key,
      .message = fmt::format("moved {} via equivalence coordinates below {}",
                             to_string(instance.key), to_string(destination))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    return below_reply(instance.key, destination, outcome.account.notes);
  });
}

Result<Reply> run_regroup_binlog_servers(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance of, known_instance(services, args));
  ORCH_ASSIGN(std::set<InstanceKey> subjects, replicas_of(services, of.key));
  ORCH_ASSIGN(Policy policy, policy_of(services));
  const Operation operation{
      .planner = regroup_binlog_servers(of.key, std::move(policy)),
      .subjects = std::move(subjects),
      .name = "regroup-replicas-bls",
      .about = of.key,
      .message = fmt::format("regrouped binlog server replicas of {}", to_string(of.key))};
  return run_or_show(services, operation, args, [&](const Outcome& outcome) {
    return key_reply(outcome.account.promoted.value_or(InstanceKey{}));
  });
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
  if (subjects.empty() && !args.dry_run) return moved_reply({});
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
  return move_many_up(services, args, "move-up-replicas", move_up_replicas);
}

Result<Reply> run_regroup(Services& services, const Args& args) {
  return regroup(services, args, "regroup-replicas", RegroupBy::Best,
                 "{} lost: {}, trivial: 0, pseudo-gtid: {}");
}

Result<Reply> run_regroup_gtid(Services& services, const Args& args) {
  return regroup(services, args, "regroup-replicas-gtid", RegroupBy::Gtid,
                 "{} lost: {}, moved: {}");
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

constexpr std::string_view kSmart = "Smart relocation";
constexpr std::string_view kClassic = "Classic file:pos relocation";
constexpr std::string_view kGtid = "GTID relocation";

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
      moving("move-equivalent", kClassic,
             "Move a replica beneath another instance by coordinates that are known to be equal",
             run_move_equivalent),
      moving("make-local-master", kClassic, "Move a replica up and its siblings beneath it",
             run_make_local_master),
      moving("regroup-replicas-bls", "Binlog server relocation",
             "Make the most advanced binlog server the source of its sibling binlog servers",
             run_regroup_binlog_servers),
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
        "take-siblings",        "take-master",      "move-up",
        "move-up-replicas",     "make-co-master",   "make-local-master",
        "regroup-replicas-bls", "regroup-replicas", "regroup-replicas-gtid"};
    if (std::find(std::begin(kAlone), std::end(kAlone), command.name) != std::end(kAlone)) {
      command.words = {Word::Instance};
      command.example = "db2.example";
    }
    if (command.name == "make-local-master") command.offer = Offer::Verb;
    if (command.name == "repoint" || command.name == "repoint-replicas") command.required = 1;
    command.required = std::min(command.required, command.words.size());
  }
  return commands;
}

}  // namespace orch::cmd

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/base/pattern.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "core/model/replication_rules.h"

namespace orch::cmd {

namespace {

Result<Reply> run_find(Services& services, const Args& args) {
  if (args.pattern.empty()) return fail(ErrorKind::InvalidInput, "No pattern given");
  ORCH_ASSIGN(Pattern pattern, Pattern::compile(args.pattern));
  ORCH_ASSIGN(const std::vector<Instance> found,
              services.instances().list({.pattern = std::move(pattern)},
                                        storage::InstanceOrder::Importance));
  return instances_reply(services, found);
}

Result<Reply> run_search(Services& services, const Args& args) {
  const std::string_view text = trim(args.pattern);
  if (text.empty()) return fail(ErrorKind::InvalidInput, "No pattern given");
  ORCH_ASSIGN(
      const std::vector<Instance> found,
      services.instances().list({.search = std::string(text)}, storage::InstanceOrder::Importance));
  return instances_reply(services, found);
}

Result<Reply> run_all_instances(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<Instance> found,
              services.instances().list({}, storage::InstanceOrder::Importance));
  return instances_reply(services, found);
}

Result<Reply> run_which_instance(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  return key_reply(instance.key);
}

Result<Reply> run_which_master(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  const InstanceKey& source = instance.replication.source;
  return is_valid(source) ? key_reply(source) : no_key_reply();
}

Result<Reply> run_which_replicas(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const std::vector<Instance> replicas, services.instances().list({.source = key}));
  return instances_reply(services, replicas);
}

Result<Reply> run_which_broken_replicas(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(std::vector<Instance> replicas, services.instances().list({.source = key}));
  std::erase_if(replicas, [](const Instance& replica) {
    return replica.freshness.is_last_check_valid &&
           replica.replication.io_state != ThreadState::Stopped &&
           replica.replication.sql_state != ThreadState::Stopped;
  });
  return instances_reply(services, replicas);
}

Result<Reply> run_downtimed(Services& services, const Args& args) {
  storage::InstanceFilter filter{.downtimed = true};
  if (args.legacy || !args.instance.empty() || !args.alias.empty()) {
    ORCH_ASSIGN(const std::string cluster, cluster_argument(services, args));
    if (!cluster.empty()) filter.cluster = cluster;
  }
  ORCH_ASSIGN(const std::vector<Instance> found,
              services.instances().list(filter, storage::InstanceOrder::Cluster));
  return instances_reply(services, found);
}

Result<Reply> run_lost_in_recovery(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<Instance> found,
              services.instances().list({.downtimed = true, .downtime_reason = "lost-in-recovery"},
                                        storage::InstanceOrder::Cluster));
  return instances_reply(services, found);
}

Result<Reply> run_instance_status(Services& services, const Args& args) {
  const OperationSettings& settings = services.config().operation;
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  Reply reply;
  reply.lines.push_back(
      bracket_description(instance, settings.reasonable_maintenance_replication_lag_seconds));
  reply.json = dump(to_json(instance, settings.reasonable_replication_lag_seconds));
  return reply;
}

Result<Reply> run_instance(Services& services, const Args& args) {
  const OperationSettings& settings = services.config().operation;
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  Reply reply;
  reply.json = dump(to_json(instance, settings.reasonable_replication_lag_seconds));
  reply.text = dump_pretty(to_json(instance, settings.reasonable_replication_lag_seconds)) + "\n";
  return reply;
}

/// The destination when the answer is yes; nothing, and the reason for people, when it is no.
Result<Reply> answer_can_replicate(const Result<>& verdict, const InstanceKey& source) {
  if (verdict) return key_reply(source);
  Reply reply = no_key_reply();
  reply.notes.push_back(verdict.error().message);
  return reply;
}

Result<Reply> run_can_replicate_from(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance replica, known_instance(services, args));
  ORCH_ASSIGN(const Instance source, known_destination(services, args));
  return answer_can_replicate(can_replicate_from(replica, source, services.replication_rules()),
                              source.key);
}

Result<Reply> run_can_replicate_from_gtid(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance replica, known_instance(services, args));
  ORCH_ASSIGN(const Instance source, known_destination(services, args));
  return answer_can_replicate(
      can_replicate_from_gtid(replica, source, services.replication_rules()), source.key);
}

Result<Reply> run_is_replicating(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  return replica_running(instance) ? key_reply(instance.key) : no_key_reply();
}

Result<Reply> run_is_replication_stopped(Services& services, const Args& args) {
  ORCH_ASSIGN(const Instance instance, known_instance(services, args));
  return replication_threads_stopped(instance) ? key_reply(instance.key) : no_key_reply();
}

std::vector<Command> link_questions() {
  return {
      {.name = "can-replicate-from",
       .section = "Replication information",
       .help = "Can an instance replicate from another, by the rules of replication",
       .example = "db2.example db1.example",
       .words = {Word::Instance, Word::Destination},
       .required = 2,
       .run = run_can_replicate_from},
      {.name = "can-replicate-from-gtid",
       .section = "Replication information",
       .help = "Can an instance replicate from another by GTID",
       .example = "db2.example db1.example",
       .words = {Word::Instance, Word::Destination},
       .required = 2,
       .offer = Offer::Verb,
       .run = run_can_replicate_from_gtid},
      {.name = "is-replicating",
       .section = "Replication information",
       .help = "Is an instance actively replicating right now",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_is_replicating},
      {.name = "is-replication-stopped",
       .section = "Replication information",
       .help = "Is an instance a replica with both replication threads stopped",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_is_replication_stopped},
  };
}

}  // namespace

std::vector<Command> information_commands() {
  std::vector<Command> commands = {
      {.name = "find",
       .section = "Information",
       .help = "List instances whose host:port matches a regular expression",
       .example = "'backup.*:3306$'",
       .words = {Word::Pattern},
       .required = 1,
       .options = Option::Pattern,
       .run = run_find},
      {.name = "search",
       .section = "Information",
       .help = "List instances by host name, cluster, version, alias, server id or port",
       .example = "8.4",
       .words = {Word::Pattern},
       .required = 1,
       .options = Option::Pattern,
       .run = run_search},
      {.name = "all-instances",
       .section = "Information",
       .help = "List all known instances",
       .run = run_all_instances},
      {.name = "which-instance",
       .section = "Information",
       .help = "The full name of an instance, given part of it",
       .example = "db1",
       .words = {Word::Instance},
       .required = 1,
       .run = run_which_instance},
      {.name = "which-master",
       .section = "Information",
       .help = "The source of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_which_master},
      {.name = "which-replicas",
       .section = "Information",
       .help = "List the replicas of an instance",
       .example = "db1.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_which_replicas},
      {.name = "which-broken-replicas",
       .section = "Information",
       .help = "List the replicas of an instance that do not replicate",
       .example = "db1.example",
       .words = {Word::Instance},
       .required = 1,
       .offer = Offer::Verb,
       .run = run_which_broken_replicas},
      {.name = "which-downtimed-instances",
       .section = "Information",
       .help = "List the instances that are downtimed, of one cluster or of all",
       .example = "shop",
       .words = {Word::Cluster},
       .run = run_downtimed},
      {.name = "which-lost-in-recovery",
       .section = "Information",
       .help = "List the instances that a recovery left behind",
       .run = run_lost_in_recovery},
      {.name = "instance-status",
       .section = "Information",
       .help = "One line on the state of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_instance_status},
      {.name = "instance",
       .section = "Information",
       .help = "Everything that is known about an instance",
       .example = "db2.example --json",
       .words = {Word::Instance},
       .required = 1,
       .offer = Offer::Verb,
       .run = run_instance},
  };
  for (Command& question : link_questions())
    commands.push_back(std::move(question));
  return commands;
}

}  // namespace orch::cmd

#include <set>
#include <vector>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "storage/candidate_store.h"
#include "storage/downtime_store.h"
#include "storage/hostname_store.h"
#include "storage/maintenance_store.h"

namespace orch::cmd {

namespace {

Failure no_reason() {
  return fail(ErrorKind::InvalidInput, "--reason option required");
}

storage::MaintenanceStore maintenance(const Services& services) {
  return {services.database(), services.clock(), services.self()};
}

Result<Reply> run_forget(Services& services, const Args& args) {
  const auto port = static_cast<std::uint16_t>(services.config().connection.default_instance_port);
  // By the name as it is recorded, not the one that it resolves to.
  std::optional<InstanceKey> typed = known_as_printed(services, std::string(trim(args.instance)));
  if (!typed) typed = parse_instance_key(trim(args.instance), port);
  if (!typed) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("Cannot deduce instance: {}", printable(args.instance)));
  }
  ORCH_ASSIGN(const InstanceKey key, services.instances().find_fuzzy(*typed));
  services.forgetting({key});
  ORCH_ASSIGN(const bool forgotten, services.instances().forget(key));
  if (!forgotten) {
    return fail(ErrorKind::NotFound,
                fmt::format("ForgetInstance(): instance {} not found", to_string(key)));
  }
  audit(services, "forget", key, "");
  return key_reply(key);
}

Result<Reply> run_forget_cluster(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string cluster, cluster_to_change(services, args));
  ORCH_ASSIGN(const std::vector<Instance> members, services.instances().list({.cluster = cluster}));
  std::set<InstanceKey> keys;
  for (const Instance& member : members)
    keys.insert(member.key);
  services.forgetting(keys);
  ORCH_ASSIGN(const std::int64_t count, services.instances().forget_cluster(cluster));
  ORCH_TRY(services.clusters().forget(cluster));
  audit(services, "forget", {}, fmt::format("cluster: {}", cluster));
  Reply reply = line_reply(cluster);
  reply.text = fmt::format("{}: {} instance{} forgotten\n", cluster, count, count == 1 ? "" : "s");
  return reply;
}

Result<Reply> run_begin_maintenance(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  if (args.reason.empty()) return no_reason();
  ORCH_ASSIGN(const std::chrono::seconds duration, duration_argument(args));
  const std::string owner = owner_argument(args);
  ORCH_TRY(check_name("the owner's name", owner));
  ORCH_ASSIGN(const std::optional<std::int64_t> lock,
              maintenance(services).claim({.key = key,
                                           .owner = owner,
                                           .reason = args.reason,
                                           .duration = duration,
                                           .by_person = true}));
  if (!lock) {
    return fail(ErrorKind::Conflict,
                fmt::format("Cannot begin maintenance for instance: {}; maintenance reason: {}",
                            to_string(key), printable(args.reason)));
  }
  audit(services, "begin-maintenance", key,
        fmt::format("maintenanceToken: {}, owner: {}, reason: {}", *lock, owner, args.reason));
  return key_reply(key);
}

Result<Reply> run_end_maintenance(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const bool ended, maintenance(services).end(key));
  if (ended) audit(services, "end-maintenance", key, "");
  return key_reply(key);
}

Result<Reply> run_in_maintenance(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const bool active, maintenance(services).in_maintenance(key));
  return active ? key_reply(key) : no_key_reply();
}

Result<Reply> run_maintenance(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<storage::Maintenance> locks, maintenance(services).list());
  Reply reply;
  Json list = Json::array();
  reply.table.heading = {"INSTANCE", "OWNER", "BEGIN", "END", "REASON"};
  for (const storage::Maintenance& lock : locks) {
    const std::string begin = lock.begin ? format_time(*lock.begin) : "";
    const auto elapsed =
        lock.begin ? services.clock().now() - *lock.begin : std::chrono::microseconds(0);
    reply.lines.push_back(to_string(lock.key));
    reply.table.rows.push_back({to_string(lock.key), lock.owner, begin,
                                lock.end ? format_time(*lock.end) : "", lock.reason});
    list.push_back({{"MaintenanceId", lock.id},
                    {"Key", to_json(lock.key)},
                    {"BeginTimestamp", begin},
                    {"SecondsElapsed", std::chrono::floor<std::chrono::seconds>(elapsed).count()},
                    {"IsActive", true},
                    {"Owner", lock.owner},
                    {"Reason", lock.reason}});
  }
  reply.json = dump(list);
  return reply;
}

Result<Reply> run_begin_downtime(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  if (args.reason.empty()) return no_reason();
  ORCH_ASSIGN(const std::chrono::seconds duration, duration_argument(args));
  const std::string owner = owner_argument(args);
  ORCH_TRY(check_name("the owner's name", owner));
  ORCH_TRY(services.store<storage::DowntimeStore>().begin(
      {.key = key, .owner = owner, .reason = args.reason, .duration = duration}));
  audit(services, "begin-downtime", key, fmt::format("owner: {}, reason: {}", owner, args.reason));
  return key_reply(key);
}

Result<Reply> run_end_downtime(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const bool ended, services.store<storage::DowntimeStore>().end(key));
  if (ended) audit(services, "end-downtime", key, "");
  return key_reply(key);
}

Result<Reply> run_register_candidate(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_TRY(
      services.store<storage::CandidateStore>().save({.key = key, .rule = args.promotion_rule}));
  audit(services, "register-candidate", key, to_string(args.promotion_rule));
  return key_reply(key);
}

Result<Reply> run_register_unresolve(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_TRY(check_name("the virtual name", args.hostname));
  ORCH_TRY(services.store<storage::HostnameStore>().save_unresolved(key.hostname, args.hostname));
  audit(services, "register-hostname-unresolve", key, args.hostname);
  return key_reply(key);
}

Result<Reply> run_deregister_unresolve(Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_TRY(services.store<storage::HostnameStore>().forget_unresolved(key.hostname));
  audit(services, "deregister-hostname-unresolve", key, "");
  return key_reply(key);
}

std::vector<Command> meta_rows() {
  return {
      {.name = "register-candidate",
       .section = "Instance, meta",
       .help = "Say how much an instance is wanted as a primary; expires unless renewed",
       .example = "db2.example --promotion-rule prefer",
       .words = {Word::Instance},
       .required = 1,
       .options = Option::PromotionRule,
       .access = Access::Write,
       .run = run_register_candidate},
      {.name = "register-hostname-unresolve",
       .section = "Instance, meta",
       .help = "Use a virtual name for an instance when others are pointed at it",
       .example = "db2.example --hostname vip2.example",
       .words = {Word::Instance, Word::Hostname},
       .required = 1,
       .options = Option::Hostname,
       .access = Access::Write,
       .run = run_register_unresolve},
      {.name = "deregister-hostname-unresolve",
       .section = "Instance, meta",
       .help = "Forget the virtual name of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .access = Access::Write,
       .run = run_deregister_unresolve},
  };
}

std::vector<Command> absence_rows() {
  return {
      {.name = "begin-maintenance",
       .section = "Instance management",
       .help = "Lock an instance against moves; stop-replica and the like still run",
       .example = "db2.example --reason 'disk swap' --duration 1h",
       .words = {Word::Instance},
       .required = 1,
       .options = Option::Reason | Option::Duration | Option::Owner,
       .access = Access::Write,
       .run = run_begin_maintenance},
      {.name = "end-maintenance",
       .section = "Instance management",
       .help = "Release the lock of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .access = Access::Write,
       .run = run_end_maintenance},
      {.name = "in-maintenance",
       .section = "Instance management",
       .help = "Is an instance locked for maintenance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .run = run_in_maintenance},
      {.name = "maintenance",
       .section = "Instance management",
       .help = "List the instances that are locked, by whom and why",
       .offer = Offer::Verb,
       .run = run_maintenance},
      {.name = "begin-downtime",
       .section = "Instance management",
       .help = "Exclude an instance from automatic recovery for a time",
       .example = "db2.example --reason upgrade --duration 2h",
       .words = {Word::Instance},
       .required = 1,
       .options = Option::Reason | Option::Duration | Option::Owner,
       .access = Access::Write,
       .run = run_begin_downtime},
      {.name = "end-downtime",
       .section = "Instance management",
       .help = "End the downtime of an instance",
       .example = "db2.example",
       .words = {Word::Instance},
       .required = 1,
       .access = Access::Write,
       .run = run_end_downtime},
  };
}

}  // namespace

std::vector<Command> management_commands() {
  std::vector<Command> commands = {
      {.name = "forget",
       .section = "Instance management",
       .help = "Forget an instance; it comes back when it is discovered again",
       .example = "db9.example:3306",
       .words = {Word::Instance},
       .required = 1,
       .access = Access::Write,
       .run = run_forget},
      {.name = "forget-cluster",
       .section = "Instance management",
       .help = "Forget a whole cluster",
       .example = "shop",
       .words = {Word::Cluster},
       .required = 1,
       .access = Access::Write,
       .offer = Offer::Verb,
       .run = run_forget_cluster},
  };
  for (auto rows : {absence_rows(), meta_rows()}) {
    for (Command& row : rows)
      commands.push_back(std::move(row));
  }
  return commands;
}

}  // namespace orch::cmd

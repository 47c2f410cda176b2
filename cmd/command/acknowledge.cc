#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "storage/recovery_store.h"

namespace orch::cmd {

namespace {

storage::RecoveryStore recoveries(const Services& services) {
  return {services.database(), services.clock(), services.self()};
}

Result<storage::Acknowledgement> acknowledgement(const Args& args) {
  if (args.reason.empty()) {
    return fail(ErrorKind::InvalidInput, "--reason option required (comment your ack)");
  }
  return storage::Acknowledgement{.owner = owner_argument(args), .comment = args.reason};
}

Reply counted(std::int64_t count) {
  Reply reply = line_reply(fmt::format("{} recoveries acknowledged", count));
  reply.json = std::to_string(count);
  return reply;
}

Result<Reply> run_ack_all(Services& services, const Args& args) {
  ORCH_ASSIGN(const storage::Acknowledgement ack, acknowledgement(args));
  ORCH_ASSIGN(const std::int64_t count, recoveries(services).acknowledge_all(ack));
  return counted(count);
}

Result<Reply> run_ack_cluster(Services& services, const Args& args) {
  ORCH_ASSIGN(const storage::Acknowledgement ack, acknowledgement(args));
  ORCH_ASSIGN(const std::string cluster, cluster_to_change(services, args));
  ORCH_ASSIGN(const std::string alias, services.clusters().alias_of(cluster));
  ORCH_ASSIGN(const std::int64_t count,
              recoveries(services).acknowledge_cluster(cluster, alias, ack));
  return counted(count);
}

Result<Reply> run_ack_instance(Services& services, const Args& args) {
  ORCH_ASSIGN(const storage::Acknowledgement ack, acknowledgement(args));
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  ORCH_ASSIGN(const std::int64_t count, recoveries(services).acknowledge_instance(key, ack));
  return counted(count);
}

Result<Reply> switch_recoveries(Services& services, bool disabled) {
  ORCH_TRY(recoveries(services).save_global_switch(disabled));
  audit(services, disabled ? "disable-global-recoveries" : "enable-global-recoveries", {}, "");
  return line_reply(
      fmt::format("OK: Orchestrator recoveries {} globally", disabled ? "DISABLED" : "ENABLED"));
}

Result<Reply> run_disable(Services& services, const Args& /*args*/) {
  return switch_recoveries(services, true);
}

Result<Reply> run_enable(Services& services, const Args& /*args*/) {
  return switch_recoveries(services, false);
}

Result<Reply> run_check(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const bool disabled, recoveries(services).globally_disabled());
  Reply reply = line_reply(fmt::format("OK: Global recoveries disabled: {}", disabled));
  reply.json = disabled ? "true" : "false";
  return reply;
}

}  // namespace

std::vector<Command> acknowledge_commands() {
  const Option spoken = Option::Reason | Option::Owner;
  return {
      {.name = "ack-all-recoveries",
       .section = "Recovery",
       .help = "Acknowledge all recoveries, which ends the block on further ones",
       .example = "--reason 'seen and repaired'",
       .options = spoken,
       .access = Access::Write,
       .run = run_ack_all},
      {.name = "ack-cluster-recoveries",
       .section = "Recovery",
       .help = "Acknowledge the recoveries of a cluster",
       .example = "shop --reason 'seen and repaired'",
       .words = {Word::Cluster},
       .options = spoken,
       .access = Access::Write,
       .run = run_ack_cluster},
      {.name = "ack-instance-recoveries",
       .section = "Recovery",
       .help = "Acknowledge the recoveries of an instance",
       .example = "db1.example --reason 'seen and repaired'",
       .words = {Word::Instance},
       .required = 1,
       .options = spoken,
       .access = Access::Write,
       .run = run_ack_instance},
      {.name = "disable-global-recoveries",
       .section = "",
       .help = "Disallow automatic recoveries everywhere",
       .access = Access::Write,
       .run = run_disable},
      {.name = "enable-global-recoveries",
       .section = "",
       .help = "Allow automatic recoveries again",
       .access = Access::Write,
       .run = run_enable},
      {.name = "check-global-recoveries",
       .section = "",
       .help = "Are automatic recoveries disallowed everywhere",
       .run = run_check},
  };
}

}  // namespace orch::cmd

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/services.h"
#include "core/json/json.h"
#include "storage/quarantine_store.h"

namespace orch::cmd {

namespace {

Result<Reply> run_quarantine_list(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<storage::Quarantine> entries,
              services.store<storage::QuarantineStore>().list());
  Reply reply;
  reply.table.heading = {"server", "cluster", "master now", "since", "reason"};
  Json list = Json::array();
  for (const storage::Quarantine& entry : entries) {
    const std::string since = entry.since ? format_time(*entry.since) : "";
    reply.lines.push_back(to_string(entry.key));
    reply.table.rows.push_back({to_string(entry.key), entry.cluster_alias,
                                to_string(entry.successor), since, entry.reason});
    list.push_back({{"Key", to_json(entry.key)},
                    {"ServerUUID", entry.server_uuid},
                    {"ServerID", entry.server_id},
                    {"ClusterAlias", entry.cluster_alias},
                    {"Successor", to_json(entry.successor)},
                    {"RecoveryUID", entry.recovery_uid},
                    {"Reason", entry.reason},
                    {"Owner", entry.owner},
                    {"Since", since}});
  }
  reply.json = dump(list);
  return reply;
}

/// What the server does now, in words.
std::string state_now(const Observation& seen) {
  if (!seen.found()) return "it does not answer";
  const Instance& server = seen.instance;
  if (!server.server.read_only) {
    return is_replica(server) ? "it takes writes, and is a replica"
                              : "it takes writes: beware of two masters";
  }
  return replica_running(server) ? "it is read-only, and replicates"
                                 : "it is read-only, and does not replicate";
}

Result<Reply> run_quarantine_release(Services& services, const Args& args) {
  const std::optional<InstanceKey> typed = parse_key(services, args.instance);
  if (!typed) {
    return fail(ErrorKind::InvalidInput, fmt::format("'{}' names no server", args.instance));
  }
  storage::QuarantineStore store = services.store<storage::QuarantineStore>();
  InstanceKey key = *typed;
  ORCH_ASSIGN(const std::optional<storage::Quarantine> exact, store.find(key));
  if (!exact) {
    ORCH_ASSIGN(key, instance_argument(services, args));
  }
  ORCH_ASSIGN(const bool released, store.release(key, owner_argument(args), args.reason));
  if (!released) {
    return fail(ErrorKind::NotFound, to_string(key) + " is not in quarantine");
  }
  audit(services, "quarantine-release", key, args.reason);
  const Observation seen =
      services.servers().probe(key, std::chrono::steady_clock::now() + probe_limit(services));
  const std::string state = state_now(seen);
  Reply reply;
  reply.lines.push_back(to_string(key));
  reply.text = fmt::format("{} is released from quarantine; {}\n", to_string(key), state);
  reply.json = dump({{"Released", to_json(key)},
                     {"Answers", seen.found()},
                     {"Writable", seen.found() && !seen.instance.server.read_only},
                     {"State", state}});
  return reply;
}

}  // namespace

std::vector<Command> quarantine_commands() {
  return {
      {.name = "quarantine list",
       .section = "Recovery",
       .help = "List servers that lost their place as a master and are kept read-only",
       .offer = Offer::Verb,
       .run = run_quarantine_list},
      {.name = "quarantine release",
       .section = "Recovery",
       .help = "Let a server take writes again, if it does",
       .example = "db1.example:3306 --reason 'rebuilt'",
       .words = {Word::Instance},
       .required = 1,
       .options = Option::Reason | Option::Owner,
       .access = Access::Write,
       .needs = Needs::Servers,
       .offer = Offer::Verb,
       .run = run_quarantine_release},
  };
}

}  // namespace orch::cmd


#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/replies.h"
#include "cmd/command/services.h"
#include "core/base/text.h"
#include "core/config/dump.h"
#include "core/json/json.h"
#include "storage/audit_store.h"
#include "storage/candidate_store.h"
#include "storage/history_store.h"
#include "storage/hostname_store.h"
#include "storage/node_store.h"
#include "storage/token_store.h"

namespace orch::cmd {

namespace {

Result<Reply> run_snapshot_topologies(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::int64_t count, services.store<storage::HistoryStore>().save_snapshot());
  audit(services, "snapshot-topologies", {}, "");
  Reply reply;
  reply.json = fmt::format("{{\"Instances\":{}}}", count);
  return reply;
}

Result<Reply> run_active_nodes(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<storage::Node> nodes,
              services.store<storage::NodeStore>().list_active());
  std::vector<std::string> lines;
  lines.reserve(nodes.size());
  for (const storage::Node& node : nodes) {
    lines.push_back(node.identity.hostname + ":" + node.identity.token);
  }
  return lines_reply(std::move(lines));
}

Result<Reply> run_access_token(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::string token,
              services.store<storage::TokenStore>().create(owner_argument(args)));
  return line_reply(token);
}

Result<Reply> run_reset_resolve_cache(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN([[maybe_unused]] const std::int64_t dropped,
              services.store<storage::HostnameStore>().forget_resolved());
  return line_reply("hostname resolve cache cleared");
}

Reply names_reply(const std::vector<ResolvedName>& names) {
  Reply reply;
  Json json = Json::object();
  reply.table.heading = {"NAME", "STANDS FOR"};
  for (const ResolvedName& name : names) {
    reply.lines.push_back(name.hostname + " " + name.resolved);
    reply.table.rows.push_back({name.hostname, name.resolved});
    json[printable(name.hostname)] = name.resolved;
  }
  reply.json = dump(json);
  return reply;
}

Result<Reply> run_show_resolve_hosts(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const auto names, services.store<storage::HostnameStore>().list_resolved());
  return names_reply(names);
}

Result<Reply> run_show_unresolve_hosts(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const auto names, services.store<storage::HostnameStore>().list_unresolved());
  return names_reply(names);
}

/// The schema is applied when the backend is opened for this command.
Result<Reply> run_redeploy(Services& /*services*/, const Args& /*args*/) {
  return line_reply("Redeployed internal db");
}

Result<Reply> run_dump_config(Services& services, const Args& /*args*/) {
  Reply reply;
  reply.json = dump_config(services.config());
  reply.lines.push_back(reply.json);
  return reply;
}

Result<Reply> run_bulk_instances(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(const std::vector<InstanceKey> keys, services.instances().list_keys());
  Reply reply = keys_reply(keys);
  std::sort(reply.lines.begin(), reply.lines.end());
  if (reply.lines.empty()) reply.lines.emplace_back();  // the contract's empty line
  return reply;
}

Result<Reply> run_bulk_promotion_rules(Services& services, const Args& /*args*/) {
  const auto age = services.config().classification.candidate_instance_expire_minutes;
  ORCH_ASSIGN(const std::vector<storage::Candidate> candidates,
              services.store<storage::CandidateStore>().list(age));
  Reply reply;
  Json list = Json::array();
  for (const storage::Candidate& candidate : candidates) {
    reply.lines.push_back(
        fmt::format("{} {}", to_string(candidate.key), to_string(candidate.rule)));
    list.push_back({{"Hostname", candidate.key.hostname},
                    {"Port", candidate.key.port},
                    {"PromotionRule", to_string(candidate.rule)},
                    {"LastSuggestedString", format_time(candidate.suggested)},
                    {"PromotionRuleExpiry", format_time(candidate.suggested + age)}});
  }
  std::sort(reply.lines.begin(), reply.lines.end());
  if (reply.lines.empty()) reply.lines.emplace_back();  // the contract's empty line
  reply.json = dump(list);
  return reply;
}

Result<Reply> run_audit(Services& services, const Args& args) {
  std::optional<InstanceKey> key;
  if (!args.instance.empty()) {
    ORCH_ASSIGN(key, instance_argument(services, args));
  }
  std::size_t page = 0;
  if (!args.pattern.empty()) {
    const std::optional<std::uint64_t> given = parse_uint(args.pattern);
    if (!given || *given > 1'000'000) {
      return fail(ErrorKind::InvalidInput, "pages count from 0: give a number with --pattern");
    }
    page = *given;
  }
  ORCH_ASSIGN(const std::vector<storage::AuditEntry> entries,
              services.store<storage::AuditStore>().list(key, page));
  Reply reply;
  Json list = Json::array();
  reply.table.heading = {"TIME", "TYPE", "INSTANCE", "CLUSTER", "MESSAGE"};
  for (const storage::AuditEntry& entry : entries) {
    const std::string at = entry.at ? format_time(*entry.at) : "";
    const std::string instance = entry.key.hostname.empty() ? "-" : to_string(entry.key);
    const std::vector<std::string> row = {at, entry.type, instance, entry.cluster_name,
                                          entry.message};
    reply.lines.push_back(join(row, "\t"));
    reply.table.rows.push_back(row);
    list.push_back({{"AuditId", entry.id},
                    {"AuditTimestamp", at},
                    {"AuditType", entry.type},
                    {"AuditInstanceKey", to_json(entry.key)},
                    {"Message", entry.message}});
  }
  if (entries.empty() && !services.config().general.audit_to_backend_db) {
    reply.notes.emplace_back("nothing is audited to the backend: AuditToBackendDB is off");
  }
  reply.json = dump(list);
  return reply;
}

Result<Reply> run_custom_command(Services& /*services*/, const Args& /*args*/) {
  return fail(ErrorKind::Refused, "Agents not served: nothing is run");
}

}  // namespace

std::vector<Command> meta_commands() {
  return {
      {.name = "snapshot-topologies",
       .section = "Meta",
       .help = "Keep all topologies as they are now, for 'topology --pattern TIME'",
       .access = Access::Write,
       .run = run_snapshot_topologies},
      {.name = "active-nodes",
       .section = "Meta",
       .help = "List the processes that work on this backend now",
       .run = run_active_nodes},
      {.name = "access-token",
       .section = "Meta",
       .help = "Make a token for HTTP access",
       .options = Option::Owner,
       .access = Access::Write,
       .run = run_access_token},
      {.name = "reset-hostname-resolve-cache",
       .section = "Meta",
       .help = "Forget what host names resolved to",
       .access = Access::Write,
       .run = run_reset_resolve_cache},
      {.name = "dump-config",
       .section = "Meta",
       .help = "Print the configuration in force as JSON",
       .needs = Needs::Nothing,
       .run = run_dump_config},
      {.name = "show-resolve-hosts",
       .section = "Meta",
       .help = "List host names and what they resolve to",
       .run = run_show_resolve_hosts},
      {.name = "show-unresolve-hosts",
       .section = "Meta",
       .help = "List host names and the virtual names used in their place",
       .run = run_show_unresolve_hosts},
      {.name = "redeploy-internal-db",
       .section = "Meta, internal",
       .help = "Apply the backend's schema again",
       .access = Access::Write,
       .here = true,
       .run = run_redeploy},
      {.name = "audit",
       .section = "Meta",
       .help = "Show the audit trail, newest first",
       .example = "db1.example",
       .words = {Word::Instance},
       .options = Option::Pattern,
       .offer = Offer::Verb,
       .run = run_audit},
      {.name = "custom-command",
       .section = "Agent",
       .help = "Ask an agent to run a command (no agents are served)",
       .options = Option::Hostname | Option::Pattern,
       .needs = Needs::Nothing,
       .offer = Offer::Legacy,
       .run = run_custom_command},
      {.name = "bulk-instances",
       .section = "",
       .help = "List all known instances, sorted as text",
       .run = run_bulk_instances},
      {.name = "bulk-promotion-rules",
       .section = "",
       .help = "List all promotion rules, sorted as text",
       .run = run_bulk_promotion_rules},
  };
}

}  // namespace orch::cmd

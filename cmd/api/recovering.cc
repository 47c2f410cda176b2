#include <algorithm>

#include <fmt/format.h>

#include "cmd/api/route.h"
#include "cmd/command/analysis_reading.h"
#include "cmd/command/names.h"
#include "cmd/serve/service.h"
#include "core/base/text.h"
#include "core/json/recovery_json.h"
#include "core/model/cluster_filter.h"
#include "storage/analysis_store.h"
#include "storage/audit_store.h"
#include "storage/journal_store.h"
#include "storage/recovery_store.h"

namespace orch::cmd {

namespace {

constexpr std::size_t kPage = 20;
constexpr std::size_t kMostRecords = 5000;
constexpr std::chrono::minutes kRecent{5};
/// Within this a second call for the same instance is the same call: the shell client makes two.
constexpr std::chrono::seconds kSameCall{60};

ApiRoute recovery_reading(std::string pattern, std::function<ApiAnswer(ApiCall&)> answer) {
  return {.pattern = std::move(pattern), .answer = std::move(answer)};
}
ApiRoute acting(std::string pattern, std::function<ApiAnswer(ApiCall&)> answer) {
  return {.pattern = std::move(pattern), .answer = std::move(answer), .writes = true};
}

SpeakingNode speaking_node(const ApiCall& call) {
  return {call.services.self().hostname, call.services.self().token};
}

storage::RecoveryStore recoveries_of(const ApiCall& call) {
  return {call.services.database(), call.services.clock(), call.services.self()};
}

/// ClusterInfo of a record's cluster.
Json details_of(const ApiCall& call, const std::string& name, const std::string& alias) {
  const RecoverySettings& settings = call.services.config().recovery;
  const auto domain = call.services.clusters().find_domain(name);
  return {{"ClusterName", name},
          {"ClusterAlias", alias.empty() ? name : alias},
          {"ClusterDomain", domain && *domain ? **domain : ""},
          {"CountInstances", 0},
          {"HeuristicLag", 0},
          {"HasAutomatedMasterRecovery",
           names_cluster(settings.recover_master_cluster_filters, name, alias)},
          {"HasAutomatedIntermediateMasterRecovery",
           names_cluster(settings.recover_intermediate_master_cluster_filters, name, alias)}};
}

Json record_shown(const ApiCall& call, const RecoveryRecord& record) {
  return to_json(record, speaking_node(call),
                 details_of(call, record.cluster_name, record.cluster_alias));
}

std::size_t page_of(const ApiCall& call) {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(parse_uint(call.parameter("page")).value_or(0), 100'000));
}

/// One page of what the condition lets through.
template <typename Record, typename Condition>
std::vector<Record> paged(const std::vector<Record>& all, std::size_t page,
                          const Condition& condition) {
  std::vector<Record> chosen;
  std::size_t skip = page * kPage;
  for (const Record& record : all) {
    if (!condition(record)) continue;
    if (skip > 0) {
      --skip;
    } else if (chosen.size() < kPage) {
      chosen.push_back(record);
    }
  }
  return chosen;
}

template <typename Condition>
ApiAnswer recoveries_answer(const ApiCall& call, const Condition& condition) {
  const auto all = recoveries_of(call).list("", 0, kMostRecords);
  if (!all) return api_error(all.error());
  Json list = Json::array();
  for (const RecoveryRecord& record : paged(*all, page_of(call), condition))
    list.push_back(record_shown(call, record));
  return api_bare(dump(list));
}

ApiAnswer answer_recoveries(ApiCall& call) {
  const bool open = call.request.query("unacknowledged") == "true";
  const std::string& id = call.parameter("id");
  const std::string& uid = call.parameter("uid");
  const std::string& cluster = call.parameter("clusterName");
  const std::string& alias = call.parameter("clusterAlias");
  return recoveries_answer(call, [&](const RecoveryRecord& record) {
    return (!open || !record.acknowledged) && (id.empty() || std::to_string(record.id) == id) &&
           (uid.empty() || record.uid == uid) &&
           (cluster.empty() || record.cluster_name == cluster) &&
           (alias.empty() || record.cluster_alias == alias);
  });
}

ApiAnswer answer_steps(ApiCall& call) {
  const auto steps = recoveries_of(call).list_steps(call.parameter("uid"));
  if (!steps) return api_error(steps.error());
  Json list = Json::array();
  for (const RecoveryStep& step : *steps)
    list.push_back(to_json(step));
  return api_bare(dump(list));
}

ApiAnswer answer_detections(ApiCall& call) {
  const auto all = recoveries_of(call).list_detections(0, kMostRecords);
  if (!all) return api_error(all.error());
  const std::string& id = call.parameter("id");
  const std::string& alias = call.parameter("clusterAlias");
  Json list = Json::array();
  for (const FailureDetection& each :
       paged(*all, page_of(call), [&](const FailureDetection& detection) {
         return (id.empty() || std::to_string(detection.id) == id) &&
                (alias.empty() || detection.cluster_alias == alias);
       })) {
    list.push_back(to_json(each, speaking_node(call),
                           details_of(call, each.cluster_name, each.cluster_alias)));
  }
  return api_bare(dump(list));
}

ApiAnswer answer_active(ApiCall& call) {
  return recoveries_answer(call, [&](const RecoveryRecord& record) {
    return record.active && !record.ended && record.cluster_name == call.parameter("clusterName");
  });
}

bool ended_lately(const ApiCall& call, const RecoveryRecord& record) {
  return record.ended && call.services.clock().now() - *record.ended < kRecent;
}

ApiAnswer answer_recently_active(ApiCall& call) {
  return recoveries_answer(call, [&](const RecoveryRecord& record) {
    return ended_lately(call, record) && record.cluster_name == call.parameter("clusterName");
  });
}

ApiAnswer answer_recently_active_instance(ApiCall& call) {
  const Result<InstanceKey> key = instance_argument(call.services, call.args);
  if (!key) return api_error(key.error());
  return recoveries_answer(call, [&](const RecoveryRecord& record) {
    return ended_lately(call, record) && record.successor == *key;
  });
}

ApiAnswer answer_blocked(ApiCall& call) {
  const auto blocked = recoveries_of(call).list_blocked();
  if (!blocked) return api_error(blocked.error());
  const std::string& cluster = call.parameter("clusterName");
  Json list = Json::array();
  for (const storage::BlockedRecovery& each : *blocked) {
    if (!cluster.empty() && each.cluster_name != cluster) continue;
    list.push_back(
        {{"FailedInstanceKey", to_json(each.failed)},
         {"ClusterName", each.cluster_name},
         {"Analysis", each.analysis},
         {"LastBlockedTimestamp", each.last_blocked ? format_time(*each.last_blocked) : ""},
         {"BlockingRecoveryId", each.blocking_id}});
  }
  return api_bare(dump(list));
}

// --- Analysis ---

/// What this node sees now; one that does not watch looks into the backend.
Result<std::vector<Analysis>> analyses_now(const ApiCall& call) {
  if (call.service.watches()) return call.service.engine().analyses();
  ORCH_ASSIGN(const AnalysisInput input, read_analysis_input(call.services));
  return analyse_records(call.services, input, {.include_downtimed = true}, "");
}

ApiAnswer analyses_answer(const ApiCall& call, const std::string& cluster,
                          const std::optional<InstanceKey>& key) {
  const auto analyses = analyses_now(call);
  if (!analyses) return api_error(analyses.error());
  Json list = Json::array();
  for (const Analysis& analysis : *analyses) {
    const bool wanted =
        (cluster.empty() || analysis.cluster.name == cluster) && (!key || analysis.key == *key);
    const bool says = analysis.code != AnalysisCode::NoProblem || !analysis.structure.empty();
    if (wanted && says) list.push_back(to_json(analysis, speaking_node(call)));
  }
  return api_ok("Analysis", dump(list));
}

ApiAnswer answer_analysis(ApiCall& call) {
  return analyses_answer(call, "", std::nullopt);
}

ApiAnswer answer_cluster_analysis(ApiCall& call) {
  const std::string& hint = call.parameter("clusterName");
  const auto name = call.services.clusters().find_name(hint);
  if (!name) return api_error(name.error());
  return analyses_answer(call, name->value_or(hint), std::nullopt);
}

ApiAnswer answer_instance_analysis(ApiCall& call) {
  const Result<InstanceKey> key = instance_argument(call.services, call.args);
  if (!key) return api_error(key.error());
  return analyses_answer(call, "", *key);
}

ApiAnswer answer_changelog(ApiCall& call) {
  const auto changes = call.services.store<storage::AnalysisStore>().list_changes();
  if (!changes) return api_error(changes.error());
  Json list = Json::array();
  for (const storage::AnalysisHistory& history : *changes) {
    list.push_back({{"AnalyzedInstanceKey", to_json(history.key)}, {"Changelog", history.changes}});
  }
  return api_bare(dump(list));
}

// --- Recoveries that are asked for ---

/// The recovery that the command's answer names, as it is on record.
std::optional<RecoveryRecord> record_of(const ApiCall& call, const Reply& reply) {
  const Json told = Json::parse(reply.json, nullptr, false);
  if (!told.is_object()) return std::nullopt;
  auto record = recoveries_of(call).find(told.value("UID", ""));
  return record && *record ? **record : std::optional<RecoveryRecord>();
}

std::function<ApiAnswer(ApiCall&)> answer_recovery(std::string command, std::string_view type) {
  return [command = std::move(command), type = std::string(type)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    const std::optional<RecoveryRecord> record = record_of(call, *reply);
    if (!record) return api_error(command + " was not recorded");
    Json json = record_shown(call, *record);
    const Json told = Json::parse(reply->json, nullptr, false);
    json["SuccessorBinlogCoordinates"] = told.value("Coordinates", Json(nullptr));
    if (record->errors.empty()) json["AllErrors"] = Json::array();
    json["IsActive"] = false;
    json["Type"] = type;
    json["RecoveryType"] = "MasterRecoveryGTID";
    std::string message = fmt::format("{}: {} is the successor of {}", command,
                                      to_string(record->successor), to_string(record->failed));
    for (const std::string& note : reply->notes)
      message += "; " + note;
    return api_ok(std::move(message), dump(json));
  };
}

/// What an earlier call, or the service by itself, has just done about the instance's failure.
std::optional<RecoveryRecord> recovered_just_now(const ApiCall& call, const InstanceKey& key) {
  auto records = recoveries_of(call).list("", 0, kPage);
  if (!records) return std::nullopt;
  const auto journal = call.services.store<storage::JournalStore>();
  // A takeover, and whatever else has a name of its own, was another request.
  std::erase_if(*records, [&](const RecoveryRecord& record) {
    const auto run = journal.find_run(record.uid);
    return record.failed == key && run && *run && !(*run)->command.empty();
  });
  return repeated_recovery(*records, key, call.services.clock().now());
}

ApiAnswer answer_recover_with(ApiCall& call, const std::string& command) {
  const Result<InstanceKey> key = instance_argument(call.services, call.args);
  if (!key) return api_error(key.error());
  const std::string failed = dump(to_json(*key));
  if (!parse_key(call.services, call.args.destination)) call.args.destination.clear();
  const Result<Reply> reply = call.run(command);
  if (!reply) return api_error(reply.error().message, failed);
  if (!reply->lines.empty()) {
    const auto promoted = parse_key(call.services, reply->lines.front());
    if (promoted)
      return api_ok("Recovery executed on " + to_string(*key), dump(to_json(*promoted)));
    return api_error("Recovery attempted yet no replica promoted", failed);
  }
  // The shell client asks twice; the second time there is nothing left to recover.
  const std::optional<RecoveryRecord> before = recovered_just_now(call, *key);
  if (!before) return api_error("Recovery not attempted", failed);
  const auto wanted = parse_key(call.services, call.args.destination);
  if (wanted && *wanted != before->successor) {
    return api_error(fmt::format("recovery {} has promoted {} already, not {}", before->id,
                                 to_string(before->successor), to_string(*wanted)),
                     failed);
  }
  return api_ok("Recovery executed on " + to_string(*key), dump(to_json(before->successor)));
}

ApiAnswer answer_recover(ApiCall& call) {
  const bool lite = call.request.query("skipProcesses") == "true";
  return answer_recover_with(call, lite ? "recover-lite" : "recover");
}

ApiAnswer answer_recover_lite(ApiCall& call) {
  return answer_recover_with(call, "recover-lite");
}

ApiAnswer answer_filters(ApiCall& call) {
  const RecoverySettings& settings = call.services.config().recovery;
  return api_ok(
      "Automated recovery configuration details",
      dump({{"RecoverMasterClusterFilters", settings.recover_master_cluster_filters},
            {"RecoverIntermediateMasterClusterFilters",
             settings.recover_intermediate_master_cluster_filters},
            {"RecoveryIgnoreHostnameFilters", settings.recovery_ignore_hostname_filters}}));
}

// --- Acknowledgement and the switch ---

std::optional<ApiAnswer> without_comment(ApiCall& call) {
  call.args.reason = std::string(trim(call.request.query("comment")));
  if (!call.args.reason.empty()) return std::nullopt;
  return api_error("No acknowledge comment given");
}

ApiAnswer answer_ack_cluster(ApiCall& call) {
  if (auto refusal = without_comment(call)) return *refusal;
  const Result<std::string> name = cluster_argument(call.services, call.args);
  if (!name) return api_error(name.error());
  const Result<Reply> reply = call.run("ack-cluster-recoveries");
  if (!reply) return api_error(reply.error());
  return api_ok("Acknowledged cluster recoveries", dump(Json(*name)));
}

ApiAnswer answer_ack_instance(ApiCall& call) {
  if (auto refusal = without_comment(call)) return *refusal;
  return answer_key("ack-instance-recoveries", "recoveries acknowledged")(call);
}

ApiAnswer acknowledge_one(ApiCall& call, const std::string& uid, const std::string& shown_as) {
  if (auto refusal = without_comment(call)) return *refusal;
  const auto done = recoveries_of(call).acknowledge_one(
      uid, {.owner = call.args.owner, .comment = call.args.reason});
  if (!done) return api_error(done.error());
  call.service.look_again();
  return api_ok("Acknowledged recovery", dump(Json(shown_as)));
}

ApiAnswer answer_ack_uid(ApiCall& call) {
  return acknowledge_one(call, call.parameter("uid"), call.parameter("uid"));
}

ApiAnswer answer_ack_id(ApiCall& call) {
  const std::string& id = call.parameter("recoveryId");
  const std::optional<std::int64_t> number = parse_int(id);
  if (!number) return api_error("the recovery id is a number");
  const auto record = recoveries_of(call).find(*number);
  if (!record) return api_error(record.error());
  return acknowledge_one(call, *record ? (*record)->uid : std::string(), id);
}

ApiAnswer answer_ack_all(ApiCall& call) {
  if (auto refusal = without_comment(call)) return *refusal;
  const Result<Reply> reply = call.run("ack-all-recoveries");
  if (!reply) return api_error(reply.error());
  return api_ok("Acknowledged all recoveries", dump(Json(call.args.reason)));
}

std::function<ApiAnswer(ApiCall&)> answer_switch(std::string command, std::string word) {
  return [command = std::move(command), word = std::move(word)](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    return api_ok("Globally " + word + " recoveries", dump(Json(word)));
  };
}

ApiAnswer answer_check_switch(ApiCall& call) {
  const auto disabled = recoveries_of(call).globally_disabled();
  if (!disabled) return api_error(disabled.error());
  const std::string word = *disabled ? "disabled" : "enabled";
  return api_ok("Global recoveries are " + word, dump(Json(word)));
}

ApiAnswer answer_audit(ApiCall& call) {
  std::optional<InstanceKey> key;
  if (!call.args.instance.empty()) {
    const Result<InstanceKey> named = instance_argument(call.services, call.args);
    if (!named) return api_error(named.error());
    key = *named;
  }
  const auto entries = call.services.store<storage::AuditStore>().list(key, page_of(call));
  if (!entries) return api_error(entries.error());
  Json list = Json::array();
  for (const storage::AuditEntry& entry : *entries) {
    list.push_back({{"AuditId", entry.id},
                    {"AuditTimestamp", entry.at ? format_time(*entry.at) : ""},
                    {"AuditType", entry.type},
                    {"AuditInstanceKey", to_json(entry.key)},
                    {"Message", entry.message}});
  }
  return api_bare(dump(list));
}

std::vector<ApiRoute> list_routes() {
  std::vector<ApiRoute> routes;
  const auto with_page = [&](const std::string& pattern,
                             const std::function<ApiAnswer(ApiCall&)>& answer) {
    routes.push_back(recovery_reading(pattern, answer));
    routes.push_back(recovery_reading(pattern + "/:page", answer));
  };
  with_page("audit-failure-detection", answer_detections);
  with_page("audit-failure-detection/alias/:clusterAlias", answer_detections);
  routes.push_back(recovery_reading("audit-failure-detection/id/:id", answer_detections));
  with_page("audit-recovery", answer_recoveries);
  with_page("audit-recovery/cluster/:clusterName", answer_recoveries);
  with_page("audit-recovery/alias/:clusterAlias", answer_recoveries);
  routes.push_back(recovery_reading("audit-recovery/id/:id", answer_recoveries));
  routes.push_back(recovery_reading("audit-recovery/uid/:uid", answer_recoveries));
  with_page("audit", answer_audit);
  with_page("audit/instance/H", answer_audit);
  return routes;
}

/// What would be done, in words: `which` is "failover" or "takeover".
std::function<ApiAnswer(ApiCall&)> answer_plan(const std::string& which) {
  return [command = "explain " + which](ApiCall& call) {
    const Result<Reply> reply = call.run(command);
    if (!reply) return api_error(reply.error());
    return api_ok("nothing was changed", dump(Json(reply->text)));
  };
}

}  // namespace

std::optional<RecoveryRecord> repeated_recovery(const std::vector<RecoveryRecord>& newest_first,
                                                const InstanceKey& key, TimePoint now) {
  for (const RecoveryRecord& record : newest_first) {
    if (record.successor == key) return std::nullopt;
    if (record.failed == key && record.successful && record.ended &&
        now - *record.ended < kSameCall) {
      return record;
    }
  }
  return std::nullopt;
}

std::vector<ApiRoute> recovery_routes() {
  const auto failover = answer_recovery("force-master-failover", "MasterRecovery");
  const auto forced = answer_recovery("force-master-takeover", "MasterRecovery");
  const auto graceful = answer_recovery("graceful-master-takeover", "MasterRecovery");
  const auto automatic = answer_recovery("graceful-master-takeover-auto", "MasterRecovery");
  std::vector<ApiRoute> routes = {
      recovery_reading("replication-analysis", answer_analysis),
      recovery_reading("replication-analysis/:clusterName", answer_cluster_analysis),
      recovery_reading("replication-analysis/instance/H", answer_instance_analysis),
      recovery_reading("replication-analysis-changelog", answer_changelog),
      acting("recover/H", answer_recover),
      acting("recover/H/B", answer_recover),
      acting("recover-lite/H", answer_recover_lite),
      acting("recover-lite/H/B", answer_recover_lite),
      recovery_reading("automated-recovery-filters", answer_filters),
      recovery_reading("audit-recovery-steps/:uid", answer_steps),
      recovery_reading("active-cluster-recovery/:clusterName", answer_active),
      recovery_reading("recently-active-cluster-recovery/:clusterName", answer_recently_active),
      recovery_reading("recently-active-instance-recovery/H", answer_recently_active_instance),
      recovery_reading("blocked-recoveries", answer_blocked),
      recovery_reading("blocked-recoveries/cluster/:clusterName", answer_blocked),
      acting("ack-recovery/cluster/C", answer_ack_cluster),
      acting("ack-recovery/cluster/alias/C", answer_ack_cluster),
      acting("ack-recovery/instance/H", answer_ack_instance),
      acting("ack-recovery/:recoveryId", answer_ack_id),
      acting("ack-recovery/uid/:uid", answer_ack_uid),
      acting("ack-all-recoveries", answer_ack_all),
      acting("disable-global-recoveries", answer_switch("disable-global-recoveries", "disabled")),
      acting("enable-global-recoveries", answer_switch("enable-global-recoveries", "enabled")),
      recovery_reading("check-global-recoveries", answer_check_switch),
  };
  for (const std::string which : {"failover", "takeover"}) {
    for (const char* of : {"/C", "/H", "/C/B", "/H/B"})
      routes.push_back(recovery_reading("explain-" + which + of, answer_plan(which)));
  }
  for (const std::string_view of : {"/C", "/H"}) {
    const std::string end(of);
    routes.push_back(acting("graceful-master-takeover" + end, graceful));
    routes.push_back(acting("graceful-master-takeover" + end + "/B", graceful));
    routes.push_back(acting("graceful-master-takeover-auto" + end, automatic));
    routes.push_back(acting("graceful-master-takeover-auto" + end + "/B", automatic));
    routes.push_back(acting("force-master-failover" + end, failover));
    routes.push_back(acting("force-master-takeover" + end + "/B", forced));
  }
  for (ApiRoute& route : list_routes())
    routes.push_back(std::move(route));
  return routes;
}

}  // namespace orch::cmd

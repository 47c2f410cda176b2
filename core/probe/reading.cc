#include "core/probe/reading.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/mysql/statements.h"
#include "core/probe/max_scale.h"
#include "core/probe/neighbours.h"
#include "core/probe/replica_status.h"
#include "core/probe/variables.h"

namespace orch {
namespace {

using std::chrono::steady_clock;

/// A plug-in may be loaded while a session lasts.
constexpr std::chrono::minutes kLearnEvery{5};
constexpr int kMostPasses = 5;
constexpr std::chrono::seconds kCountConnectionsEvery{2};

/// What was asked for and which privilege it takes, for people.
struct Purpose {
  std::string_view name;
  std::string_view privilege;
};
Purpose purpose_of(Ask ask) {
  switch (ask) {
    case Ask::Variables:
    case Ask::LongVariables:
      return {"reading variables", "what global variables need"};
    case Ask::ReplicaStatus:
      return {"reading the replica status", "REPLICATION CLIENT (MariaDB: SLAVE MONITOR)"};
    case Ask::BinlogStatus:
      return {"reading the binary log's position", "REPLICATION CLIENT (MariaDB: BINLOG MONITOR)"};
    case Ask::Status:
      return {"reading status counters", "what SHOW GLOBAL STATUS needs"};
    case Ask::GroupMembers:
      return {"reading group members", "SELECT on performance_schema.replication_group_members"};
    case Ask::Heartbeats:
      return {"reading heartbeats", "SELECT on performance_schema.replication_connection_status"};
    case Ask::PurgedGtids:
      return {"reading where the oldest binary log begins", {}};
    case Ask::TemporaryTables:
      return {"counting temporary tables", "what SHOW STATUS needs"};
    case Ask::RegisteredReplicas:
      return {"listing registered replicas",
              "REPLICATION SLAVE (MariaDB: REPLICATION MASTER ADMIN)"};
    case Ask::DumpThreads:
      return {"listing replicas by process list", "PROCESS"};
    case Ask::ReplicationUser:
      return {"reading replication credentials", "SELECT on mysql.slave_master_info"};
    case Ask::NdbNodes:
      return {"listing NDB nodes", "SELECT on ndbinfo.processes"};
    case Ask::Lag:
      return {"ReplicationLagQuery", {}};
    case Ask::DataCenter:
      return {"DetectDataCenterQuery", {}};
    case Ask::Region:
      return {"DetectRegionQuery", {}};
    case Ask::PhysicalEnvironment:
      return {"DetectPhysicalEnvironmentQuery", {}};
    case Ask::InstanceAlias:
      return {"DetectInstanceAliasQuery", {}};
    case Ask::SemiSyncEnforced:
      return {"DetectSemiSyncEnforcedQuery", {}};
    case Ask::PseudoGtid:
      return {"DetectPseudoGTIDQuery", {}};
    case Ask::PromotionRule:
      return {"DetectPromotionRuleQuery", {}};
    case Ask::ClusterAlias:
      return {"DetectClusterAliasQuery", {}};
    case Ask::ClusterDomain:
      return {"DetectClusterDomainQuery", {}};
  }
  return {"asking", {}};
}

Error explain(Ask ask, const Refusal& refused) {
  const Purpose purpose = purpose_of(ask);
  Error error = refused.error.within(purpose.name);
  const bool password_is_old = refused.code == 1820 || refused.code == 1862;
  if (error.kind == ErrorKind::Denied && !password_is_old) {
    error.message += ": grant orch's account ";
    error.message += purpose.privilege.empty() ? "what the query reads" : purpose.privilege;
  }
  return error;
}

std::optional<std::string> first_value(const ResultSet& set) {
  if (set.empty() || set.rows.front().empty()) return std::nullopt;
  return set.rows.front().front();
}

std::optional<std::int64_t> rounded_number(const std::string& text) {
  double number = 0;
  const std::string_view trimmed = trim(text);
  const auto [end, error] =
      std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number);
  if (error != std::errc() || end != trimmed.data() + trimmed.size() || !std::isfinite(number) ||
      std::abs(number) > 1e15) {
    return std::nullopt;
  }
  return std::llround(number);
}

/// One probe of one server by one session.
class Reading {
 public:
  Reading(SqlSession& session, Capabilities& known, const ProbeRules& rules, Resolver& resolver,
          SteadyPoint deadline)
      : session_(session), known_(known), rules_(rules), resolver_(resolver), deadline_(deadline) {}

  Observation run(const InstanceKey& key);

 private:
  Result<bool> is_max_scale();
  Observation run_max_scale();
  /// An error of the reading, with the server's name; that it refuses what every server answers is
  /// no safety check of ours.
  [[nodiscard]] Error unreadable(Error error) const {
    if (error.kind == ErrorKind::Refused) error.kind = ErrorKind::Broken;
    const std::string name = to_string(seen_.asked);
    const bool named = error.message.find(name) != std::string::npos;
    return named ? error : std::move(error).within(name);
  }
  Observation end(ProbeOutcome outcome, std::optional<Error> error = std::nullopt);
  Result<> ask();
  void take_variables();
  void fall_back();
  void note_refusals();
  [[nodiscard]] const ResultSet* answer(Ask ask) const;
  Result<> check_essentials();
  Result<> take_own_name();
  void take_server();
  Result<> take_group();
  void take_users_answers();
  void take_lag();
  void useless_answer(std::string_view what);
  void take_location();
  void take_neighbours();
  void add_replicas(const std::vector<ReportedReplica>& replicas, std::vector<InstanceKey>& to);
  InstanceKey resolve(InstanceKey key);

  SqlSession& session_;
  Capabilities& known_;
  const ProbeRules& rules_;
  Resolver& resolver_;
  SteadyPoint deadline_;
  Questioning asked_{};
  Variables variables_{};
  Observation seen_{};
};

const ResultSet* Reading::answer(Ask ask) const {
  const auto found = asked_.answers.find(ask);
  return found == asked_.answers.end() || found->second.refused ? nullptr : &found->second.set;
}

/// Asks until nothing is missing: what the first answers say about the server can change the
/// words, or bring new questions. The user's own come when that is known: with one that hangs the
/// session ends.
Result<> Reading::ask() {
  bool learn = !known_.learnt || steady_clock::now() - *known_.learnt > kLearnEvery;
  if (known_.flavor == Flavor::Unknown) {
    known_.flavor = flavor_of(session_.server_version(), "");
    known_.version = parse_server_version(session_.server_version());
  }
  bool users_own_too = !learn;
  known_.connections_due =
      !known_.connections_counted ||
      steady_clock::now() - *known_.connections_counted > kCountConnectionsEvery;
  for (int pass = 0; pass < kMostPasses; ++pass) {
    std::vector<Question> missing;
    for (Question& question : questions_for(known_, rules_, learn)) {
      if (is_users_own(question.ask) && !users_own_too) continue;
      const auto found = asked_.answers.find(question.ask);
      const bool in_other_words = found != asked_.answers.end() &&
                                  found->second.sql != question.sql &&
                                  (found->second.refused || question.ask == Ask::DumpThreads);
      if (found == asked_.answers.end() || in_other_words) {
        missing.push_back(std::move(question));
      }
    }
    if (missing.empty() && users_own_too) break;
    if (missing.empty()) {
      users_own_too = true;
      continue;
    }
    const Result<> ended = ask_all(session_, missing, deadline_, asked_);
    if (const ResultSet* set = answer(Ask::Variables); set != nullptr && variables_.empty()) {
      take_variables();
    } else if (set == nullptr && ended && !learn) {
      // A plug-in is gone, and its variables with it.
      learn = true;
      users_own_too = false;
      known_ = {.flavor = known_.flavor, .version = known_.version, .max_scale_version = ""};
      asked_.answers.clear();
      continue;
    }
    fall_back();
    ORCH_TRY(ended);
    if (asked_.unanswered) break;
  }
  note_refusals();
  return {};
}

void Reading::take_variables() {
  const auto& [sql, set, refused] = asked_.answers[Ask::Variables];
  const bool listed = sql.starts_with("SHOW");
  if (!listed) {
    variables_.add_columns(set);
  } else {
    variables_.add_rows(set);
    if (const ResultSet* long_ones = answer(Ask::LongVariables)) {
      variables_.add_columns(*long_ones);
    }
    known_.learnt = steady_clock::now();
  }
  const std::string version = variables_.text("version");
  if (version != known_.version_text) {
    known_.version_text = version;
    known_.flavor = flavor_of(version, variables_.text("version_comment"));
    known_.version = parse_server_version(version);
    known_.ndb = is_ndb(version);
    std::erase_if(known_.refused, [](const auto& one) { return !is_users_own(one.first); });
  }
  if (listed) known_.variables = variables_.known_of(wanted_variables(known_.flavor));
  // Switched off, its tables are there and empty.
  if (variables_.has("performance_schema") && !variables_.flag("performance_schema")) {
    known_.dump_threads_fallback = true;
  }
  known_.in_group = !variables_.text("group_replication_group_name").empty();
  known_.galera = is_galera(variables_);
  known_.semi_sync_on = variables_.flag("rpl_semi_sync_master_enabled") ||
                        variables_.flag("rpl_semi_sync_source_enabled") ||
                        variables_.flag("rpl_semi_sync_slave_enabled") ||
                        variables_.flag("rpl_semi_sync_replica_enabled");
}

void Reading::fall_back() {
  const auto found = asked_.answers.find(Ask::DumpThreads);
  if (found == asked_.answers.end() || !found->second.refused) return;
  const ReadingStatements words = reading_statements(known_.flavor, known_.version);
  if (found->second.sql == words.dump_threads && !words.dump_threads_fallback.empty()) {
    known_.dump_threads_fallback = true;
  }
}

void Reading::note_refusals() {
  for (const auto& [ask, answer] : asked_.answers) {
    if (is_users_own(ask)) {
      if (asked_.unanswered == ask) {
        known_.refused.insert_or_assign(ask, *answer.refused);
      } else if (answer.refused) {
        known_.put_last.insert(ask);
      } else {
        known_.put_last.erase(ask);
      }
    } else if (answer.refused && ask >= Ask::GroupMembers) {
      known_.refused.insert_or_assign(ask, *answer.refused);
    }
  }
}

Result<> Reading::check_essentials() {
  for (const Ask ask : {Ask::Variables, Ask::LongVariables, Ask::ReplicaStatus}) {
    const auto found = asked_.answers.find(ask);
    if (found != asked_.answers.end() && found->second.refused) {
      return fail(explain(ask, *found->second.refused));
    }
  }
  if (variables_.text("version").empty()) {
    return fail(ErrorKind::Broken,
                fmt::format("{}: the server does not tell its version: is it a MySQL server",
                            to_string(seen_.asked)));
  }
  return {};
}

/// The server's own word on its name (discovery document, 12.3).
Result<> Reading::take_own_name() {
  InstanceKey& key = seen_.instance.key;
  key = seen_.asked;
  if (rules_.own_name == OwnName::AsAsked) return {};
  const bool by_report_host = rules_.own_name == OwnName::ReportHost;
  key.hostname = variables_.text(by_report_host ? "report_host" : "hostname");
  if (key.hostname.empty()) {
    return fail(ErrorKind::Broken,
                fmt::format("{}: the server's {} is empty, and MySQLHostnameResolveMethod relies "
                            "on it: set it there, or choose another method",
                            to_string(seen_.asked), by_report_host ? "report_host" : "hostname"));
  }
  if (key.hostname != seen_.asked.hostname) {
    seen_.resolved.push_back({seen_.asked.hostname, key.hostname});
    resolver_.learn(seen_.asked.hostname, key.hostname);
  }
  return {};
}

void Reading::take_server() {
  Instance& instance = seen_.instance;
  if (const ResultSet* set = answer(Ask::BinlogStatus)) read_binlog_status(*set, instance);
  if (const ResultSet* set = answer(Ask::PurgedGtids)) {
    known_.purged_gtids = printable(first_value(*set).value_or(""));
  }
  instance.gtid.mariadb_purged = known_.purged_gtids;
  if (const ResultSet* set = answer(Ask::TemporaryTables)) {
    Variables status;
    status.add_rows(*set);
    instance.replication.temporary_tables =
        static_cast<unsigned>(std::max<std::int64_t>(status.number("slave_open_temp_tables"), 0));
  }
  if (const ResultSet* set = answer(Ask::Status)) {
    Variables status;
    status.add_rows(*set);
    read_semi_sync_status(status, instance);
    read_galera(variables_, status, instance);
    known_.connections = status.number("threads_connected");
    known_.connections_counted = steady_clock::now();
    if (status.has("uptime")) {
      known_.started = steady_clock::now() - std::chrono::seconds(status.number("uptime"));
    }
  }
  // The session lasts, so the server was not started anew.
  if (known_.started) {
    instance.server.uptime =
        std::chrono::floor<std::chrono::seconds>(steady_clock::now() - *known_.started);
  }
  if (const ResultSet* set = answer(Ask::ReplicationUser); set != nullptr && !set->empty()) {
    instance.replication.credentials_available = !Row(*set, 0).text("user_name").empty();
  }
  if (rules_.has_credentials_query) instance.replication.credentials_available = true;
  // Ours is served where others' are turned away: the last one is kept for accounts like it.
  const std::int64_t most = variables_.number("max_connections");
  if (most > 0 && known_.connections >= most) {
    seen_.soft_errors.push_back(
        {ErrorKind::Unreachable,
         fmt::format("{}: it takes no more connections from clients: {} are open, and "
                     "max_connections is {}",
                     to_string(seen_.asked), known_.connections, most)});
  }
  for (const std::string& text : malformed_gtids(instance.gtid)) {
    seen_.soft_errors.push_back(
        {ErrorKind::Broken, fmt::format("{}: {}", to_string(seen_.asked), text)});
  }
}

Result<> Reading::take_group() {
  const auto refused = known_.refused.find(Ask::GroupMembers);
  if (refused != known_.refused.end() && refused->second.error.kind != ErrorKind::NotFound) {
    return fail(explain(Ask::GroupMembers, refused->second));
  }
  const ResultSet* set = answer(Ask::GroupMembers);
  if (set == nullptr) return {};
  GroupMembership& group = seen_.instance.group;
  read_group(*set, variables_.text("group_replication_group_name"),
             variables_.flag("group_replication_single_primary_mode"), seen_.instance);
  for (InstanceKey& other : group.others) {
    other = resolve(other);
  }
  if (is_valid(group.primary)) group.primary = resolve(group.primary);
  return {};
}

InstanceKey Reading::resolve(InstanceKey key) {
  auto resolved = resolver_.resolve(key.hostname, deadline_);
  if (!resolved) {
    seen_.soft_errors.push_back(std::move(resolved).error().within(to_string(seen_.asked)));
    return key;
  }
  if (*resolved != key.hostname) seen_.resolved.push_back({key.hostname, *resolved});
  key.hostname = *std::move(resolved);
  return key;
}

void Reading::take_lag() {
  const ResultSet* set = answer(Ask::Lag);
  if (set == nullptr) return;
  const auto value = first_value(*set);
  const auto seconds = value ? rounded_number(*value) : std::nullopt;
  if (seconds) {
    seen_.instance.replication.lag = std::chrono::seconds(std::max<std::int64_t>(*seconds, 0));
  } else {
    useless_answer("ReplicationLagQuery did not answer with a number");
  }
}

/// To a query of the configuration's.
void Reading::useless_answer(std::string_view what) {
  seen_.soft_errors.push_back(
      {ErrorKind::Broken, fmt::format("{}: {}", to_string(seen_.asked), what)});
}

void Reading::take_location() {
  Location& location = seen_.instance.location;
  const std::string& host = seen_.instance.key.hostname;
  const auto take = [&](std::string& into, const std::optional<Pattern>& pattern, Ask ask) {
    if (pattern) into = pattern->first_group(host).value_or("");
    if (const ResultSet* set = answer(ask)) {
      if (auto value = first_value(*set)) into = as_line(*value);
    }
  };
  take(location.data_center, rules_.data_center, Ask::DataCenter);
  take(location.region, rules_.region, Ask::Region);
  take(location.physical_environment, rules_.physical_environment, Ask::PhysicalEnvironment);
}

void Reading::take_users_answers() {
  take_lag();
  take_location();
  const auto text = [&](Ask ask) {
    const ResultSet* set = answer(ask);
    return set == nullptr ? std::string() : as_line(first_value(*set).value_or(""));
  };
  seen_.instance.alias = text(Ask::InstanceAlias);
  seen_.detected_cluster_alias = text(Ask::ClusterAlias);
  seen_.detected_cluster_domain = text(Ask::ClusterDomain);
  const std::string rule = text(Ask::PromotionRule);
  seen_.detected_promotion_rule = parse_promotion_rule(rule);
  // That one is nobody's to set.
  if (seen_.detected_promotion_rule == PromotionRule::Must) seen_.detected_promotion_rule.reset();
  if (!rule.empty() && !seen_.detected_promotion_rule) {
    useless_answer(fmt::format("DetectPromotionRuleQuery answered {}, which is no promotion rule",
                               quoted_excerpt(rule)));
  }
  seen_.instance.gtid.uses_pseudo = rounded_number(text(Ask::PseudoGtid)) == 1;
  const auto in_vain = [&](Ask ask) {
    const auto found = asked_.answers.find(ask);
    if (found == asked_.answers.end()) return known_.refused.contains(ask);
    return found->second.refused.has_value();
  };
  seen_.untold = {.alias = in_vain(Ask::InstanceAlias),
                  .data_center = in_vain(Ask::DataCenter),
                  .region = in_vain(Ask::Region),
                  .physical_environment = in_vain(Ask::PhysicalEnvironment),
                  .semi_sync_priority = in_vain(Ask::SemiSyncEnforced),
                  .cluster_alias = in_vain(Ask::ClusterAlias)};
  const std::string enforced = text(Ask::SemiSyncEnforced);
  const std::int64_t priority = rounded_number(enforced).value_or(enforced.empty() ? 0 : -1);
  if (priority < 0) {
    useless_answer(fmt::format("DetectSemiSyncEnforcedQuery answered {}, which is no priority",
                               quoted_excerpt(enforced)));
  }
  seen_.instance.semi_sync.priority =
      static_cast<unsigned>(std::clamp<std::int64_t>(priority, 0, 1'000'000));
}

void Reading::add_replicas(const std::vector<ReportedReplica>& replicas,
                           std::vector<InstanceKey>& to) {
  for (const ReportedReplica& replica : replicas) {
    const InstanceKey key = resolve(replica.key);
    if (!is_valid(key)) continue;
    if (rules_.ignored_replicas.matches(key.hostname, key.port)) {
      seen_.ignored_replicas.push_back(key);
      continue;
    }
    if (rules_.ignores_user(replica.user)) {
      if (rules_.log_filters) {
        log::info("probe {}: replica {} skipped, its user {} is filtered", to_string(seen_.asked),
                  to_string(key), printable(replica.user));
      }
      continue;
    }
    if (std::ranges::find(to, key) == to.end()) to.push_back(key);
  }
}

void Reading::take_neighbours() {
  Instance& instance = seen_.instance;
  if (Replication& replication = instance.replication;
      replication.configured && !replication.source.hostname.empty()) {
    replication.source = resolve(replication.source);
  }
  const ResultSet* registered_rows = answer(Ask::RegisteredReplicas);
  const ResultSet* thread_rows = answer(Ask::DumpThreads);
  const auto registered = registered_rows != nullptr ? read_registered_replicas(*registered_rows)
                                                     : std::vector<ReportedReplica>();
  auto threads =
      thread_rows != nullptr ? read_dump_threads(*thread_rows) : std::vector<ReportedReplica>();
  FoundReplicas found = combine_replicas(registered, threads, instance.key);
  if (rules_.registered_replicas_only && !found.certain.empty()) found.candidates.clear();
  if (const ResultSet* set = answer(Ask::NdbNodes)) {
    for (const ReportedReplica& node : read_ndb_nodes(*set, instance.key.port)) {
      found.certain.push_back(node);
    }
  }
  add_replicas(found.certain, instance.replicas);
  add_replicas(found.candidates, seen_.replica_candidates);
  std::erase_if(seen_.replica_candidates, [&](const InstanceKey& key) {
    return key == instance.key ||
           std::ranges::find(instance.replicas, key) != instance.replicas.end();
  });
}

Observation Reading::end(ProbeOutcome outcome, std::optional<Error> error) {
  seen_.outcome = outcome;
  seen_.error = std::move(error);
  seen_.round_trips += asked_.round_trips;
  return std::move(seen_);
}

Result<bool> Reading::is_max_scale() {
  if (!known_.max_scale_version) {
    known_.max_scale_version.emplace();
    if (rules_.check_max_scale || contains_ignoring_case(session_.server_version(), "maxscale")) {
      ++seen_.round_trips;
      ORCH_ASSIGN(const auto version, max_scale_version(session_, deadline_));
      known_.max_scale_version = version.value_or("");
    }
  }
  return !known_.max_scale_version->empty();
}

Observation Reading::run_max_scale() {
  seen_.instance.key = seen_.asked;
  seen_.round_trips += 3;
  auto replicas = read_max_scale(session_, *known_.max_scale_version, seen_.instance, deadline_);
  if (!replicas) {
    return end(ProbeOutcome::Failed, std::move(replicas).error().within(to_string(seen_.asked)));
  }
  if (rules_.ignores_user(seen_.instance.replication.user)) return end(ProbeOutcome::Skipped);
  seen_.instance.replication.source = resolve(seen_.instance.replication.source);
  std::erase_if(*replicas, [](const ReportedReplica& replica) { return !is_valid(replica.key); });
  add_replicas(*replicas, seen_.instance.replicas);
  return end(ProbeOutcome::Clean);
}

Observation Reading::run(const InstanceKey& key) {
  seen_.asked = key;
  const Result<bool> max_scale = is_max_scale();
  if (!max_scale) return end(ProbeOutcome::Failed, max_scale.error());
  if (*max_scale) return run_max_scale();
  Result<> asked = ask();
  const ProbeOutcome unless_found =
      variables_.empty() ? ProbeOutcome::Failed : ProbeOutcome::Partial;
  if (asked) asked = check_essentials();
  if (!asked) return end(unless_found, unreadable(std::move(asked).error()));
  read_variables(variables_, seen_.instance);
  read_replica_status(*answer(Ask::ReplicaStatus), seen_.instance);
  if (const ResultSet* set = answer(Ask::Heartbeats)) read_link_details(*set, seen_.instance);
  if (rules_.ignores_user(seen_.instance.replication.user)) return end(ProbeOutcome::Skipped);
  if (Result<> named = take_own_name(); !named) {
    return end(ProbeOutcome::Partial, std::move(named).error());
  }
  take_server();
  if (Result<> group = take_group(); !group) {
    return end(ProbeOutcome::Partial, std::move(group).error());
  }
  take_users_answers();
  take_neighbours();

  ProbeOutcome outcome = ProbeOutcome::Clean;
  std::string kept_out;
  for (const auto& [ask, answer] : asked_.answers) {
    if (!answer.refused || known_.refused.contains(ask)) continue;
    if (asked_.unanswered && is_users_own(ask) && answer.refused->code == 0) {
      kept_out.append(kept_out.empty() ? "" : ", ").append(purpose_of(ask).name);
      continue;
    }
    seen_.soft_errors.push_back(explain(ask, *answer.refused));
    if (ask == Ask::BinlogStatus || ask == Ask::Status) outcome = ProbeOutcome::Soft;
  }
  for (const auto& [ask, refused] : known_.refused) {
    if (ask == Ask::GroupMembers || ask == Ask::Heartbeats || ask == Ask::PurgedGtids) continue;
    seen_.soft_errors.push_back(explain(ask, refused));
    if (ask == asked_.unanswered && !kept_out.empty()) {
      seen_.soft_errors.back().message += "; what was to be asked after it was not: " + kept_out;
    }
  }
  return end(outcome);
}

}  // namespace

Observation read_server(SqlSession& session, Capabilities& known, const InstanceKey& key,
                        const ProbeRules& rules, Resolver& resolver, SteadyPoint deadline) {
  return Reading(session, known, rules, resolver, deadline).run(key);
}

}  // namespace orch

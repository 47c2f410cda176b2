#include "core/probe/questions.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "core/mysql/statements.h"

namespace orch {
namespace {

constexpr std::string_view kSqlNdbNodes =
    "SELECT service_uri FROM ndbinfo.processes WHERE process_name = 'mysqld'";

void add_users_own(const Capabilities& known, const ProbeRules& rules,
                   std::vector<Question>& questions) {
  const ClassificationSettings& queries = rules.queries;
  const std::pair<Ask, const std::string*> all[] = {
      {Ask::Lag, &queries.replication_lag_query},
      {Ask::DataCenter, &queries.detect_data_center_query},
      {Ask::Region, &queries.detect_region_query},
      {Ask::PhysicalEnvironment, &queries.detect_physical_environment_query},
      {Ask::InstanceAlias, &queries.detect_instance_alias_query},
      {Ask::SemiSyncEnforced, &queries.detect_semi_sync_enforced_query},
      {Ask::PseudoGtid, &rules.detect_pseudo_gtid_query},
      {Ask::PromotionRule, &queries.detect_promotion_rule_query},
      {Ask::ClusterAlias, &queries.detect_cluster_alias_query},
      {Ask::ClusterDomain, &queries.detect_cluster_domain_query}};
  const auto first = static_cast<std::ptrdiff_t>(questions.size());
  for (const auto& [ask, query] : all) {
    const std::string_view sql = trimmed_statement(*query);
    if (sql.empty() || known.refused.contains(ask)) continue;
    questions.push_back({ask, std::string(sql), may_answer_often(sql)});
  }
  // A refusal at the very end costs no further packet.
  const auto place = [&](const Question& question) {
    return (question.alone ? 2 : 0) + (known.put_last.contains(question.ask) ? 1 : 0);
  };
  std::stable_sort(questions.begin() + first, questions.end(),
                   [&](const Question& a, const Question& b) { return place(a) < place(b); });
}

}  // namespace

std::vector<Question> questions_for(const Capabilities& known, const ProbeRules& rules,
                                    bool learn) {
  const ReadingStatements words = reading_statements(known.flavor, known.version);
  std::vector<Question> questions;
  const auto add = [&](Ask ask, std::string sql) {
    if (!sql.empty() && !known.refused.contains(ask)) questions.push_back({ask, std::move(sql)});
  };
  const std::vector<std::string> long_ones = long_variables(known.flavor);
  if (learn) {
    add(Ask::Variables, show_variables(wanted_variables(known.flavor)));
    if (!long_ones.empty()) add(Ask::LongVariables, select_variables(long_ones));
  } else {
    std::vector<std::string> names = known.variables;
    names.insert(names.end(), long_ones.begin(), long_ones.end());
    add(Ask::Variables, select_variables(names));
  }
  add(Ask::ReplicaStatus, words.replica_status);
  add(Ask::BinlogStatus, words.binlog_status);
  const bool with_uptime = !known.started;
  if (with_uptime || known.semi_sync_on || known.connections_due || known.galera) {
    add(Ask::Status, show_status(with_uptime, known.semi_sync_on, known.galera));
  }
  if (known.in_group) add(Ask::GroupMembers, group_members());
  add(Ask::Heartbeats, words.heartbeats);
  if (learn) add(Ask::PurgedGtids, words.purged_gtids);
  add(Ask::TemporaryTables, words.temporary_tables);
  add(Ask::RegisteredReplicas, words.registered_replicas);
  add(Ask::DumpThreads,
      known.dump_threads_fallback ? words.dump_threads_fallback : words.dump_threads);
  if (!rules.has_credentials_query) add(Ask::ReplicationUser, words.replication_user);
  if (known.ndb) add(Ask::NdbNodes, std::string(kSqlNdbNodes));
  add_users_own(known, rules, questions);
  return questions;
}

namespace {

constexpr unsigned kSyntaxError = 1064;

}  // namespace

Result<> ask_all(SqlSession& session, const std::vector<Question>& questions, SteadyPoint deadline,
                 Questioning& into) {
  std::optional<std::size_t> suspect;
  for (std::size_t next = 0; next < questions.size();) {
    std::vector<std::string> packet;
    for (std::size_t i = next; i < questions.size(); ++i) {
      const bool alone = questions[i].alone || i == suspect;
      if (alone && !packet.empty()) break;
      packet.push_back(questions[i].sql);
      if (alone) break;
    }
    ++into.round_trips;
    auto got = session.query_each(packet, deadline);
    Answers answers = got ? *std::move(got) : Answers{.lost = std::move(got).error()};
    std::size_t answered = std::min(answers.results.size(), packet.size());
    for (std::size_t i = 0; i < answered; ++i) {
      const Question& question = questions[next + i];
      into.answers[question.ask] = {question.sql, std::move(answers.results[i]), std::nullopt};
    }
    if (answers.refused && answered < packet.size()) {
      const Question& question = questions[next + answered];
      // One with a quote that is not closed takes in what follows, and the server tells of all
      // that.
      const bool takes_in = is_users_own(question.ask) && answered + 1 < packet.size() &&
                            answers.refused->code == kSyntaxError;
      if (takes_in) {
        suspect = next + answered;
      } else {
        into.answers[question.ask] = {question.sql, {}, std::move(answers.refused)};
        ++answered;
      }
    } else if (!answers.lost && answered < packet.size()) {
      return fail(ErrorKind::Broken,
                  "it left statements of a packet unanswered: is it a MySQL server");
    }
    next += answered;
    if (answers.lost) {
      const bool in_time = std::chrono::steady_clock::now() < deadline;
      if (in_time || next == questions.size() || !is_users_own(questions[next].ask)) {
        return fail(*std::move(answers.lost));
      }
      // It answered what matters: what the user made up says nothing of its health.
      into.unanswered = questions[next].ask;
      for (; next < questions.size(); ++next) {
        into.answers[questions[next].ask] = {questions[next].sql, {}, Refusal{0, 0, *answers.lost}};
      }
      break;
    }
  }
  return {};
}

}  // namespace orch

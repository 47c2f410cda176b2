#include "storage/candidate_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListCandidate = R"(
    select hostname, port, promotion_rule, last_suggested
      from candidate_database_instance
     order by hostname, port)";
constexpr std::string_view kSqlExpireCandidate =
    "delete from candidate_database_instance where last_suggested < ?";

}  // namespace

Result<> CandidateStore::save(const Candidate& candidate) {
  return save_rows(database_, "candidate_database_instance", {"hostname", "port"},
                   {"hostname", "port", "promotion_rule", "last_suggested"},
                   {{candidate.key.hostname, port_of(candidate.key),
                     std::string(to_string(candidate.rule)), format_time(clock_.now())}});
}

Result<std::vector<Candidate>> CandidateStore::list(std::chrono::minutes age) const {
  const TimePoint oldest = clock_.now() - age;
  std::vector<Candidate> candidates;
  ORCH_TRY(database_.select(kSqlListCandidate, {}, [&](const Row& row) {
    const std::optional<TimePoint> suggested = row.time(3);
    if (!suggested || *suggested < oldest) return;
    const std::optional<PromotionRule> rule = parse_promotion_rule(row.view(2));
    candidates.push_back({read_key(row, 0), rule.value_or(PromotionRule::Neutral), *suggested});
  }));
  return candidates;
}

Result<std::int64_t> CandidateStore::expire(std::chrono::minutes age) {
  return database_.execute(kSqlExpireCandidate, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage

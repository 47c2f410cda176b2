#include "storage/marks.h"

#include <algorithm>

#include "storage/candidate_store.h"
#include "storage/quarantine_store.h"
#include "storage/statements.h"
#include "storage/tag_store.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListDowntimes = R"(
    select hostname, port, begin_timestamp, end_timestamp, owner, reason
      from database_instance_downtime
     where downtime_active = 1)";
constexpr std::string_view kSqlListOverrides =
    "select cluster_name, alias from cluster_alias_override";

}  // namespace

Result<Marks> read_marks(Database& database, const Clock& clock,
                         std::chrono::minutes candidate_age) {
  Marks marks;
  const TimePoint now = clock.now();
  ORCH_TRY(database.select(kSqlListDowntimes, {}, [&](const Row& row) {
    const std::optional<TimePoint> end = row.time(3);
    if (!end || *end <= now) return;
    const std::optional<TimePoint> begin = row.time(2);
    marks.downtimes[read_key(row, 0)] = {
        .active = true,
        .owner = row.text(4),
        .reason = row.text(5),
        .begin = row.text(2),
        .end = row.text(3),
        .elapsed = std::max(std::chrono::seconds(0),
                            std::chrono::floor<std::chrono::seconds>(now - begin.value_or(now)))};
  }));
  ORCH_TRY(database.select(kSqlListOverrides, {}, [&](const Row& row) {
    marks.alias_overrides[row.text(0)] = row.text(1);
  }));
  ORCH_ASSIGN(const std::vector<Candidate> candidates,
              CandidateStore(database, clock).list(candidate_age));
  for (const Candidate& candidate : candidates)
    marks.promotion_rules[candidate.key] = candidate.rule;
  ORCH_ASSIGN(marks.incomplete, TagStore(database, clock).list_incomplete());
  ORCH_ASSIGN(const std::vector<Quarantine> quarantined, QuarantineStore(database, clock).list());
  for (const Quarantine& entry : quarantined)
    marks.quarantined.insert(entry.key);
  return marks;
}

}  // namespace orch::storage

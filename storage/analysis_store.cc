#include "storage/analysis_store.h"

#include <utility>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListLatest =
    "select hostname, port, analysis from database_instance_last_analysis";
constexpr std::string_view kSqlListChanges = R"(
    select hostname, port, analysis_timestamp, analysis
      from database_instance_analysis_changelog
     order by hostname, port, changelog_id)";
constexpr std::string_view kSqlListChangesOf = R"(
    select analysis_timestamp, analysis
      from database_instance_analysis_changelog
     where hostname = ? and port = ?
     order by changelog_id)";
constexpr std::string_view kSqlListWithout =
    "select hostname, port from database_instance_last_analysis where analysis <> ?";
constexpr std::string_view kSqlExpireChanges =
    "delete from database_instance_analysis_changelog where analysis_timestamp < ?";
constexpr std::string_view kSqlListStandStill = R"(
    select hostname, port, binary_log_file, binary_log_pos, first_seen
      from database_instance_stale_binlog_coordinates)";
constexpr std::string_view kSqlForgetStandStill =
    "delete from database_instance_stale_binlog_coordinates where hostname = ? and port = ?";

constexpr std::string_view kWell = "NoProblem";

const std::vector<std::string_view> kKeyColumns = {"hostname", "port"};

bool same_place(const BinlogCoordinates& a, const BinlogCoordinates& b) {
  return a.log_file == b.log_file && a.log_pos == b.log_pos;
}

}  // namespace

Result<> AnalysisStore::save_codes(std::span<const AnalysedCode> codes) {
  if (codes.empty()) return {};
  return database_.transaction([&]() -> Result<> {
    std::map<InstanceKey, std::string> latest;
    ORCH_TRY(database_.select(kSqlListLatest, {}, [&latest](const Row& row) {
      latest.emplace(read_key(row, 0), row.text(2));
    }));
    const std::string now = format_time(clock_.now());
    std::map<InstanceKey, std::vector<SqlValue>> changed;
    for (const AnalysedCode& analysed : codes) {
      // Who has none was well all the time.
      const auto [known, fresh] = latest.try_emplace(analysed.key, kWell);
      const bool differs = known->second != analysed.code;
      if (!differs && !fresh) continue;
      changed[analysed.key] = {analysed.key.hostname, port_of(analysed.key), now, analysed.code};
      if (!differs) continue;
      known->second = analysed.code;
      ORCH_TRY(add_row(database_, "database_instance_analysis_changelog",
                       {"hostname", "port", "analysis_timestamp", "analysis"},
                       {analysed.key.hostname, port_of(analysed.key), now, analysed.code}));
    }
    std::vector<std::vector<SqlValue>> rows;
    for (auto& [key, row] : changed)
      rows.push_back(std::move(row));
    return save_rows(database_, "database_instance_last_analysis", kKeyColumns,
                     {"hostname", "port", "analysis_timestamp", "analysis"}, rows);
  });
}

Result<std::vector<AnalysisHistory>> AnalysisStore::list_changes() const {
  std::vector<AnalysisHistory> histories;
  ORCH_TRY(database_.select(kSqlListChanges, {}, [&histories](const Row& row) {
    InstanceKey key = read_key(row, 0);
    if (histories.empty() || histories.back().key != key) histories.push_back({std::move(key), {}});
    const std::optional<TimePoint> at = row.time(2);
    histories.back().changes.push_back((at ? format_time(*at) : row.text(2)) + ";" + row.text(3) +
                                       ",");
  }));
  return histories;
}

Result<std::vector<CodeChange>> AnalysisStore::list_changes_of(const InstanceKey& key) const {
  std::vector<CodeChange> changes;
  ORCH_TRY(
      database_.select(kSqlListChangesOf, {key.hostname, port_of(key)}, [&changes](const Row& row) {
        if (const auto at = row.time(0)) changes.push_back({*at, row.text(1)});
      }));
  return changes;
}

Result<std::vector<InstanceKey>> AnalysisStore::list_without(std::string_view code) const {
  std::vector<InstanceKey> keys;
  ORCH_TRY(database_.select(kSqlListWithout, {std::string(code)},
                            [&keys](const Row& row) { keys.push_back(read_key(row, 0)); }));
  return keys;
}

Result<std::int64_t> AnalysisStore::expire_changes(std::chrono::hours age) {
  return database_.execute(kSqlExpireChanges, {format_time(clock_.now() - age)});
}

Result<> AnalysisStore::save_stand_still(std::span<const BinlogEnd> watched) {
  return database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN(auto known, list_stand_still());
    const std::string now = format_time(clock_.now());
    std::vector<std::vector<SqlValue>> rows;
    for (const BinlogEnd& end : watched) {
      const auto before = known.find(end.key);
      const bool stands = before != known.end() && same_place(before->second.at, end.at);
      if (before != known.end()) known.erase(before);
      if (!stands) {
        rows.push_back({end.key.hostname, port_of(end.key), end.at.log_file, end.at.log_pos, now});
      }
    }
    for (const auto& [key, still] : known)
      ORCH_TRY(database_.execute(kSqlForgetStandStill, {key.hostname, port_of(key)}));
    return save_rows(database_, "database_instance_stale_binlog_coordinates", kKeyColumns,
                     {"hostname", "port", "binary_log_file", "binary_log_pos", "first_seen"}, rows);
  });
}

Result<std::map<InstanceKey, StandStill>> AnalysisStore::list_stand_still() const {
  std::map<InstanceKey, StandStill> found;
  ORCH_TRY(database_.select(kSqlListStandStill, {}, [&found](const Row& row) {
    found.emplace(
        read_key(row, 0),
        StandStill{.at = {row.text(2), row.integer(3), BinlogType::Binary}, .since = row.time(4)});
  }));
  return found;
}

}  // namespace orch::storage

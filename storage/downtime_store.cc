#include "storage/downtime_store.h"

#include <algorithm>

#include "storage/statements.h"

namespace orch::storage {

namespace {

/// The last second that a TIMESTAMP of MySQL can hold.
constexpr TimePoint kLastTime{std::chrono::seconds(2'147'483'647)};

constexpr std::string_view kSqlEndDowntime =
    "delete from database_instance_downtime where hostname = ? and port = ?";
constexpr std::string_view kSqlExpireDowntime =
    "delete from database_instance_downtime where end_timestamp < ?";

}  // namespace

Result<> DowntimeStore::begin(const DowntimeRequest& request) {
  const TimePoint now = clock_.now();
  return save_rows(database_, "database_instance_downtime", {"hostname", "port"},
                   {"hostname", "port", "downtime_active", "begin_timestamp", "end_timestamp",
                    "owner", "reason"},
                   {{request.key.hostname, port_of(request.key), std::int64_t{1}, format_time(now),
                     format_time(std::min<TimePoint>(now + request.duration, kLastTime)),
                     request.owner, request.reason}});
}

Result<bool> DowntimeStore::end(const InstanceKey& key) {
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(kSqlEndDowntime, {key.hostname, port_of(key)}));
  return rows > 0;
}

Result<std::int64_t> DowntimeStore::expire() {
  return database_.execute(kSqlExpireDowntime, {format_time(clock_.now())});
}

}  // namespace orch::storage

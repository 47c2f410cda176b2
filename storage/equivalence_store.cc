#include "storage/equivalence_store.h"

#include <map>
#include <utility>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListForward = R"(
    select master2_hostname, master2_port, master2_binary_log_file, master2_binary_log_pos
      from master_position_equivalence
     where master1_hostname = ? and master1_port = ? and master1_binary_log_file = ?
       and master1_binary_log_pos = ?)";
constexpr std::string_view kSqlListBackward = R"(
    select master1_hostname, master1_port, master1_binary_log_file, master1_binary_log_pos
      from master_position_equivalence
     where master2_hostname = ? and master2_port = ? and master2_binary_log_file = ?
       and master2_binary_log_pos = ?)";
constexpr std::string_view kSqlExpireEquivalence =
    "delete from master_position_equivalence where last_suggested < ?";

}  // namespace

Result<> EquivalenceStore::save(const BinlogPlace& one, const BinlogPlace& other) {
  return save_rows(
      database_, "master_position_equivalence",
      {"master1_hostname", "master1_port", "master1_binary_log_file", "master1_binary_log_pos",
       "master2_hostname", "master2_port"},
      {"master1_hostname", "master1_port", "master1_binary_log_file", "master1_binary_log_pos",
       "master2_hostname", "master2_port", "master2_binary_log_file", "master2_binary_log_pos",
       "last_suggested"},
      {{one.key.hostname, port_of(one.key), one.coordinates.log_file, one.coordinates.log_pos,
        other.key.hostname, port_of(other.key), other.coordinates.log_file,
        other.coordinates.log_pos, format_time(clock_.now())}});
}

Result<std::optional<BinlogCoordinates>> EquivalenceStore::find(const BinlogPlace& place,
                                                                const InstanceKey& other) const {
  ORCH_ASSIGN(const std::vector<BinlogPlace> places, list(place));
  for (const BinlogPlace& equal : places) {
    if (equal.key == other) return std::optional(equal.coordinates);
  }
  return std::optional<BinlogCoordinates>();
}

Result<std::vector<BinlogPlace>> EquivalenceStore::list(const BinlogPlace& place) const {
  std::map<InstanceKey, BinlogCoordinates> found;  // what was recorded this way round comes first
  for (const std::string_view sql : {kSqlListForward, kSqlListBackward}) {
    ORCH_TRY(database_.select(sql,
                              {place.key.hostname, port_of(place.key), place.coordinates.log_file,
                               place.coordinates.log_pos},
                              [&found](const Row& row) {
                                found.try_emplace(read_key(row, 0),
                                                  BinlogCoordinates{.log_file = row.text(2),
                                                                    .log_pos = row.integer(3)});
                              }));
  }
  std::vector<BinlogPlace> places;
  for (auto& [key, coordinates] : found)
    places.push_back({key, std::move(coordinates)});
  return places;
}

Result<std::int64_t> EquivalenceStore::expire(std::chrono::hours age) {
  return database_.execute(kSqlExpireEquivalence, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage

#include "storage/equivalence_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlFindForward = R"(
    select master2_binary_log_file, master2_binary_log_pos
      from master_position_equivalence
     where master1_hostname = ? and master1_port = ? and master1_binary_log_file = ?
       and master1_binary_log_pos = ? and master2_hostname = ? and master2_port = ?)";
constexpr std::string_view kSqlFindBackward = R"(
    select master1_binary_log_file, master1_binary_log_pos
      from master_position_equivalence
     where master2_hostname = ? and master2_port = ? and master2_binary_log_file = ?
       and master2_binary_log_pos = ? and master1_hostname = ? and master1_port = ?)";
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
  std::optional<BinlogCoordinates> found;
  for (const std::string_view sql : {kSqlFindForward, kSqlFindBackward}) {
    ORCH_TRY(database_.select(sql,
                              {place.key.hostname, port_of(place.key), place.coordinates.log_file,
                               place.coordinates.log_pos, other.hostname, port_of(other)},
                              [&found](const Row& row) {
                                if (!found)
                                  found = BinlogCoordinates{.log_file = row.text(0),
                                                            .log_pos = row.integer(1)};
                              }));
  }
  return found;
}

Result<std::int64_t> EquivalenceStore::expire(std::chrono::hours age) {
  return database_.execute(kSqlExpireEquivalence, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage

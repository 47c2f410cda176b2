// Rows as a server may answer them, of bytes: names and values between zero bytes.

#include "core/probe/replica_status.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/probe/neighbours.h"
#include "core/probe/variables.h"

namespace {

orch::ResultSet result_of(const std::uint8_t* data, std::size_t size) {
  orch::ResultSet set;
  auto& row = set.rows.emplace_back();
  bool is_name = true;
  std::string piece;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] != 0) {
      piece += static_cast<char>(data[i]);
      continue;
    }
    if (is_name) {
      set.columns.push_back(piece);
    } else if (piece == "NULL") {
      row.emplace_back(std::nullopt);
    } else {
      row.emplace_back(piece);
    }
    is_name = !is_name;
    piece.clear();
  }
  row.resize(set.columns.size());
  return set;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const orch::ResultSet set = result_of(data, size);
  orch::Instance instance;
  instance.server.uuid = "u";
  orch::read_replica_status(set, instance);
  orch::read_binlog_status(set, instance);
  orch::read_group(set, "g", true, instance);
  orch::Variables variables;
  variables.add_rows(set);
  variables.add_columns(set);
  orch::read_variables(variables, instance);
  orch::read_semi_sync_status(variables, instance);
  orch::combine_replicas(orch::read_registered_replicas(set), orch::read_dump_threads(set),
                         {"db1", 3306});
  orch::read_ndb_nodes(set, 3306);
  return 0;
}

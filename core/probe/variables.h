#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instance.h"
#include "core/mysql/result_set.h"

namespace orch {

/// Variables or status counters of a server by lower-case name. One that is missing or NULL reads
/// as "", 0, false.
class Variables {
 public:
  /// Takes rows of Variable_name and Value.
  void add_rows(const ResultSet& set);
  /// Takes the columns of the first row.
  void add_columns(const ResultSet& set);

  [[nodiscard]] bool has(std::string_view name) const { return values_.contains(name); }
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] std::int64_t number(std::string_view name) const;
  /// ON, YES, TRUE or a number other than 0.
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] bool empty() const { return values_.empty(); }
  /// Those of `wanted` that the server has.
  [[nodiscard]] std::vector<std::string> known_of(const std::vector<std::string>& wanted) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// Whether both sides of semi-sync replication are there, under either generation's names.
bool has_semi_sync(const Variables& variables);

/// Fills what the variables say about the server, GTID, semi-sync settings and the group's name.
void read_variables(const Variables& variables, Instance& instance);
/// What is wrong with the GTID variables, one text for each that cannot be read.
std::vector<std::string> malformed_gtids(const Gtid& gtid);
/// Fills what the status counters say about semi-sync replication.
void read_semi_sync_status(const Variables& status, Instance& instance);

/// Whether it is to be a node of a Galera cluster.
bool is_galera(const Variables& variables);
/// Such a node that is not alone is marked as in a group of several primaries: whom it is with, it
/// does not tell by names that could be relied on.
void read_galera(const Variables& variables, const Variables& status, Instance& instance);
/// Fills where the server's own binary log ends, and whether databases are left out of it.
void read_binlog_status(const ResultSet& set, Instance& instance);

}  // namespace orch

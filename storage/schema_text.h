#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orch::storage {

struct SchemaColumn {
  std::string name{};
  std::string definition{};  ///< name, type and default as in the file
};

struct SchemaTable {
  std::string name{};
  std::vector<SchemaColumn> columns{};
  std::vector<std::string> primary_key{};
  std::string statement{};  ///< that makes it
};

struct SchemaIndex {
  std::string name{};
  std::string table{};
  std::string
      definition{};  ///< as in the table's statement; "" when a statement of its own makes it
  std::vector<std::string> columns{};
  bool unique{false};
};

/// What a schema file says: its tables and indexes, and its statements as they stand. The files are
/// ours, one column or key per line. Pure.
struct Schema {
  std::vector<std::string> statements{};
  std::vector<SchemaTable> tables{};
  std::vector<SchemaIndex> indexes{};
};

Schema parse_schema(const std::vector<std::string_view>& files);

}  // namespace orch::storage

#pragma once

#include <string_view>
#include <vector>

namespace orch::storage {

/// The files of storage/schema in order, one list per database; written by schema/embed.py.
std::vector<std::string_view> sqlite_schema_files();
std::vector<std::string_view> mysql_schema_files();

}  // namespace orch::storage

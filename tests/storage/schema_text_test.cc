#include "storage/schema_text.h"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>

#include "core/base/text.h"
#include "storage/schema_files.h"

namespace orch::storage {

namespace {

/// The number in the brackets behind a type's name.
std::size_t length_of(const std::string& definition) {
  const std::size_t open = definition.find('(');
  if (open == std::string::npos) return 0;
  return parse_uint(definition.substr(open + 1, definition.find(')') - open - 1)).value_or(0);
}

/// At most how many bytes a column takes in its row.
std::size_t bytes_of(const SchemaColumn& column) {
  const std::string definition = to_lower(column.definition);
  if (definition.find("char(") == std::string::npos) return 264;  // of a text its beginning only
  return length_of(definition) * (definition.find("utf8") == std::string::npos ? 1 : 3) + 2;
}

}  // namespace

TEST_SUITE("schema") {
  TEST_CASE("every table keeps within the limits of NDB and of Group Replication (HA 3.1)") {
    const Schema schema = parse_schema(mysql_schema_files());
    REQUIRE(schema.tables.size() > 50);
    std::map<std::string, std::map<std::string, std::size_t>> sizes;
    for (const SchemaTable& table : schema.tables) {
      CAPTURE(table.name);
      std::size_t row = 0;
      for (const SchemaColumn& column : table.columns)
        row += sizes[table.name][column.name] = bytes_of(column);
      CHECK(table.columns.size() <= 128);
      CHECK(row < 30'000);
    }
    for (const SchemaIndex& index : schema.indexes) {
      CAPTURE(index.name);
      std::size_t key = 0;
      for (const std::string& column : index.columns)
        key += sizes.at(index.table).at(column);
      CHECK(index.columns.size() <= 32);
      CHECK(key <= 3072);
    }
    for (const std::string& statement : schema.statements) {
      if (!statement.starts_with("CREATE TABLE")) continue;
      CAPTURE(statement);
      CHECK(statement.find("PRIMARY KEY") != std::string::npos);
      CHECK(statement.find("FOREIGN KEY") == std::string::npos);
      CHECK(statement.find("REFERENCES") == std::string::npos);
    }
  }
}

}  // namespace orch::storage

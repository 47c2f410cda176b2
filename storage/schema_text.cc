#include "storage/schema_text.h"

#include <optional>

#include "core/base/text.h"

namespace orch::storage {

namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text = trim(text.substr(prefix.size()));
  return true;
}

std::string take_word(std::string_view& text) {
  const std::size_t end = text.find_first_of(" \n(");
  std::string word(text.substr(0, end));
  text = end == std::string_view::npos ? std::string_view{} : trim(text.substr(end));
  return word;
}

/// "(a, b(32))" -> a, b. A length of a key prefix is left out.
std::vector<std::string> key_columns(std::string_view text) {
  std::vector<std::string> columns;
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  for (const std::string_view part : split(text.substr(open + 1, close - open - 1), ',')) {
    std::string_view name = trim(part);
    columns.push_back(take_word(name));
  }
  return columns;
}

/// "UNIQUE KEY name (a, b)" or "KEY name (a)", as MySQL has them inside a table.
std::optional<SchemaIndex> parse_key(std::string_view line, const std::string& table) {
  SchemaIndex index{.table = table, .definition = std::string(line)};
  index.unique = take_prefix(line, "UNIQUE ");
  if (!take_prefix(line, "KEY ")) return std::nullopt;
  index.name = take_word(line);
  index.columns = key_columns(line);
  return index;
}

void parse_table(std::string_view text, std::string_view statement, Schema& schema) {
  SchemaTable table{.name = take_word(text), .statement = std::string(statement)};
  const std::vector<std::string_view> lines = split(text, '\n');
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {  // without "(" and ") ..."
    std::string_view line = trim(lines[i]);
    if (line.ends_with(',')) line.remove_suffix(1);
    if (line.starts_with("PRIMARY KEY")) {
      table.primary_key = key_columns(line);
      continue;
    }
    if (std::optional<SchemaIndex> key = parse_key(line, table.name)) {
      schema.indexes.push_back(*std::move(key));
      continue;
    }
    SchemaColumn column{.definition = std::string(line)};
    column.name = take_word(line);
    table.columns.push_back(std::move(column));
  }
  schema.tables.push_back(std::move(table));
}

void parse_index(std::string_view text, bool unique, Schema& schema) {
  SchemaIndex index{.unique = unique};
  index.name = take_word(text);
  take_prefix(text, "ON ");
  index.table = take_word(text);
  index.columns = key_columns(text);
  schema.indexes.push_back(std::move(index));
}

std::string without_comments(std::string_view text) {
  std::string kept;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with("--")) kept.append(line).append("\n");
  }
  return kept;
}

}  // namespace

Schema parse_schema(const std::vector<std::string_view>& files) {
  Schema schema;
  for (const std::string_view file : files) {
    const std::string text = without_comments(file);
    for (const std::string_view part : split(text, ';')) {
      std::string_view statement = trim(part);
      if (statement.empty()) continue;
      schema.statements.emplace_back(statement);
      if (take_prefix(statement, "CREATE TABLE IF NOT EXISTS ")) {
        parse_table(statement, schema.statements.back(), schema);
      } else if (take_prefix(statement, "CREATE INDEX IF NOT EXISTS ")) {
        parse_index(statement, false, schema);
      } else if (take_prefix(statement, "CREATE UNIQUE INDEX IF NOT EXISTS ")) {
        parse_index(statement, true, schema);
      }
    }
  }
  return schema;
}

}  // namespace orch::storage

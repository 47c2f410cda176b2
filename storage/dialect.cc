#include "storage/dialect.h"

namespace orch::storage {

namespace {

void append_list(std::string& sql, const std::vector<std::string_view>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += names[i];
  }
}

/// "table (a, b) values (?, ?), (?, ?)".
std::string insertion(std::string_view table, const std::vector<std::string_view>& columns,
                      std::size_t rows) {
  std::string sql(table);
  sql += " (";
  append_list(sql, columns);
  sql += ") values ";
  std::string tuple = "(";
  for (std::size_t i = 0; i < columns.size(); ++i)
    tuple += i > 0 ? ", ?" : "?";
  tuple += ")";
  for (std::size_t i = 0; i < rows; ++i) {
    if (i > 0) sql += ", ";
    sql += tuple;
  }
  return sql;
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  for (const std::string_view each : names) {
    if (each == name) return true;
  }
  return false;
}

}  // namespace

std::string Dialect::upsert(std::string_view table, const std::vector<std::string_view>& keys,
                            const std::vector<std::string_view>& columns, std::size_t rows) const {
  std::string sql = "insert into " + insertion(table, columns, rows);
  if (kind_ == Kind::Sqlite) {
    sql += " on conflict (";
    append_list(sql, keys);
    sql += ") do update set ";
  } else {
    sql += " on duplicate key update ";
  }
  bool first = true;
  for (const std::string_view column : columns) {
    if (contains(keys, column)) continue;
    if (!first) sql += ", ";
    first = false;
    sql.append(column).append(kind_ == Kind::Sqlite ? " = excluded." : " = values(");
    sql += column;
    if (kind_ == Kind::MySql) sql += ")";
  }
  return sql;
}

std::string Dialect::insert_if_absent(std::string_view table,
                                      const std::vector<std::string_view>& columns,
                                      std::size_t rows) const {
  return std::string(insert_ignore()) + " " + insertion(table, columns, rows);
}

std::string_view Dialect::insert_ignore() const {
  return kind_ == Kind::Sqlite ? "insert or ignore into" : "insert ignore into";
}

std::string Dialect::concat(std::initializer_list<std::string_view> parts) const {
  std::string sql = kind_ == Kind::Sqlite ? "(" : "concat(";
  bool first = true;
  for (const std::string_view part : parts) {
    if (!first) sql += kind_ == Kind::Sqlite ? " || " : ", ";
    first = false;
    sql += part;
  }
  return sql + ")";
}

std::string_view Dialect::matches() const {
  return kind_ == Kind::Sqlite ? "like" : "rlike";
}

}  // namespace orch::storage

#include "cmd/cli/table_text.h"

#include <algorithm>

#include "cmd/command/exchange.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

}  // namespace

std::string table_text(const Table& table, bool colour) {
  if (table.rows.empty()) return "";
  std::vector<std::vector<std::string>> rows{table.heading};
  rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  std::vector<std::size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = replace_all(printable(row[i]), "\n", " ");
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      if (i > 0) line += "  ";
      line += rows[r][i] + std::string(widths[i] - width_of(rows[r][i]), ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += colour && r == 0 ? "\x1B[1m" + line + "\x1B[0m\n" : line + "\n";
  }
  return text;
}

std::string people_text(const Reply& reply, bool colour) {
  if (!reply.text.empty()) return reply.text;
  if (!reply.table.heading.empty()) return table_text(reply.table, colour);
  std::string text;
  for (const std::string& line : reply.lines)
    text += line + "\n";
  return text;
}

std::string error_json(const Error& error) {
  return dump({{"Code", "ERROR"}, {"Message", error.message}, {"Kind", kind_name(error.kind)}}) +
         "\n";
}

std::string json_text(const Reply& reply) {
  if (!reply.json.empty()) return reply.json + "\n";
  return dump(Json(reply.lines)) + "\n";
}

}  // namespace orch::cmd

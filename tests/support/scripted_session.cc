#include "tests/support/scripted_session.h"

#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/mysql/connection.h"

namespace orch {
namespace {

/// The names behind " AS " of a list of variables.
std::vector<std::string> selected_names(const std::string& statement) {
  std::vector<std::string> names;
  for (const std::string& part : words(statement, ",")) {
    const auto at = part.find(" AS ");
    if (at != std::string::npos) names.push_back(part.substr(at + 4));
  }
  return names;
}

}  // namespace

ResultSet table(std::vector<std::string> columns, std::vector<std::vector<std::string>> rows) {
  ResultSet set{.columns = std::move(columns)};
  for (std::vector<std::string>& row : rows) {
    auto& values = set.rows.emplace_back();
    for (std::string& value : row) {
      if (value == "NULL")
        values.emplace_back(std::nullopt);
      else
        values.emplace_back(std::move(value));
    }
  }
  return set;
}

ResultSet vertical(std::string_view text) {
  std::vector<std::string> columns;
  std::vector<std::string> row;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view trimmed = trim(line);
    const auto colon = trimmed.find(':');
    if (colon == std::string_view::npos) continue;
    columns.emplace_back(trimmed.substr(0, colon));
    row.emplace_back(trim(trimmed.substr(colon + 1)));
  }
  return table(std::move(columns), {std::move(row)});
}

Result<ResultSet> ScriptedSession::run(const std::string& statement, unsigned& code) const {
  const auto refused = [&](unsigned number) {
    code = number;
    return fail(kind_of_server_error(number), fmt::format("scripted: refused ({})", number));
  };
  for (const auto& [start, number] : refusals_) {
    if (statement.starts_with(start)) return refused(number);
  }
  for (const auto& [start, set] : answers_) {
    if (statement.starts_with(start)) return set;
  }
  if (statement.starts_with("SHOW GLOBAL VARIABLES WHERE")) {
    ResultSet set{.columns = {"Variable_name", "Value"}};
    for (const auto& [name, value] : variables_) {
      if (statement.find("'" + name + "'") == std::string::npos) continue;
      set.rows.push_back({name, value.substr(0, 1024)});
    }
    return set;
  }
  if (statement.starts_with("SELECT @@global.")) {
    ResultSet set{.rows = {{}}};
    for (const std::string& name : selected_names(statement)) {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return refused(1193);
      set.columns.push_back(name);
      // What SHOW calls ON and OFF are numbers here.
      const bool on = found->second == "ON";
      set.rows[0].emplace_back(on                                              ? "1"
                               : found->second == "OFF" && name != "gtid_mode" ? "0"
                                                                               : found->second);
    }
    return set;
  }
  return refused(1064);
}

Result<Answers> ScriptedSession::query_each(std::span<const std::string> statements,
                                            SteadyPoint deadline) {
  packets.emplace_back(statements.begin(), statements.end());
  if (packets.size() > lost_at_) return fail(ErrorKind::Unreachable, "scripted: connection lost");
  Answers answers;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (!hangs_at_.empty() && statements[i].starts_with(hangs_at_)) {
      std::this_thread::sleep_until(deadline);
      lost_at_ = 0;
      answers.lost = Error{ErrorKind::Unreachable, "scripted: no answer in time"};
      break;
    }
    unsigned code = 0;
    Result<ResultSet> set = run(statements[i], code);
    if (!set) {
      answers.refused = Refusal{i, code, std::move(set).error()};
      // A real one cites all that it could not read.
      if (code == 1064) {
        for (const std::string& text : statements.subspan(i))
          answers.refused->error.message += " near " + text;
      }
      break;
    }
    answers.results.push_back(*std::move(set));
  }
  return answers;
}

}  // namespace orch

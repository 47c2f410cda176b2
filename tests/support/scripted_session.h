#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/mysql/sql_session.h"

namespace orch {

/// A server that answers what it was told to, with the manners of a real one: an error ends a
/// packet, one unknown variable refuses the whole SELECT, unknown statements are syntax errors.
class ScriptedSession final : public SqlSession {
 public:
  explicit ScriptedSession(std::string version) : version_(std::move(version)) {}

  /// Statements that start like this get that answer.
  void answer(std::string start, ResultSet set) { answers_[std::move(start)] = std::move(set); }
  void refuse(std::string start, unsigned code) { refusals_[std::move(start)] = code; }
  void accept(std::string start) { refusals_.erase(start); }
  /// For SHOW GLOBAL VARIABLES and SELECT @@global.
  void variables(std::map<std::string, std::string> values) { variables_ = std::move(values); }
  std::map<std::string, std::string>& variables() { return variables_; }
  /// A statement that starts like this is not answered until the deadline, with which the session
  /// ends.
  void hang_at(std::string start) { hangs_at_ = std::move(start); }
  /// From that packet on the connection is gone.
  void lose_at(std::size_t packet) { lost_at_ = packet; }

  Result<Answers> query_each(std::span<const std::string> statements,
                             SteadyPoint deadline) override;
  [[nodiscard]] const std::string& server_version() const override { return version_; }

  std::vector<std::vector<std::string>> packets{};

 private:
  Result<ResultSet> run(const std::string& statement, unsigned& code) const;

  std::string version_;
  std::map<std::string, ResultSet> answers_{};
  std::map<std::string, unsigned> refusals_{};
  std::map<std::string, std::string> variables_{};
  std::string hangs_at_{};
  std::size_t lost_at_{static_cast<std::size_t>(-1)};
};

/// Columns and rows; "NULL" stands for NULL.
ResultSet table(std::vector<std::string> columns, std::vector<std::vector<std::string>> rows);
/// One row from lines "Column: value", as the command line client prints it with -E.
ResultSet vertical(std::string_view text);

}  // namespace orch

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ha/raft/command.h"
#include "ha/raft/group.h"
#include "storage/database.h"

namespace orch::ha::raft {

/// The backend of one node of a group: reads come from the node's own database; what is written to
/// tables of decisions (tables.h) is first agreed on, and then written by every node.
///
/// A transaction is tried out in the own database and undone; the statements that changed something
/// go to the group as one command, which is refused when another one came in between: then it is
/// tried out again. Generated keys are given by the command, so that they are the same everywhere.
/// What such a transaction writes to other tables follows on this node alone.
/// Errors, besides the database's: Conflict on a node that does not lead, naming who does;
/// Unreachable when the group does not answer: then nobody knows whether it was done.
class SharedDatabase final : public storage::Database {
 public:
  /// `own` is read and written; `limit` is for the group to answer.
  SharedDatabase(storage::Database& own, Group& group, std::chrono::milliseconds limit)
      : own_(own), group_(group), limit_(limit) {}

  using Database::execute;
  using Database::select;

  [[nodiscard]] const storage::Dialect& dialect() const override { return own_.dialect(); }
  [[nodiscard]] const std::string& name() const override { return own_.name(); }

  Result<> select(std::string_view sql, std::span<const storage::SqlValue> arguments,
                  const std::function<void(const storage::Row&)>& each) override {
    return own_.select(sql, arguments, each);
  }
  Result<std::int64_t> execute(std::string_view sql,
                               std::span<const storage::SqlValue> arguments) override;
  Result<> execute_script(std::string_view sql) override { return own_.execute_script(sql); }
  Result<> transaction(const std::function<Result<>()>& work) override;
  [[nodiscard]] std::int64_t last_insert_id() const override;

 private:
  /// What one transaction writes.
  struct Trial {
    Index base{};
    std::vector<Statement> shared{};
    std::vector<Statement> own{};
  };
  enum class Verdict { Written, Undone };

  [[nodiscard]] bool trying() const { return trying_ == std::this_thread::get_id(); }
  Result<Verdict> try_out(const std::function<Result<>()>& work);
  Result<std::int64_t> try_statement(Statement statement);
  Result<> follow();
  [[nodiscard]] Error not_leading() const;

  storage::Database& own_;
  Group& group_;
  const std::chrono::milliseconds limit_;
  std::mutex mutex_;  ///< held from trial to answer: commands of one process do not cross
  std::atomic<std::thread::id> trying_{};  ///< the thread whose work is tried out
  Trial trial_{};                          ///< of whoever holds the mutex
  std::atomic<std::int64_t> given_id_{0};  ///< by the latest INSERT; 0: it was the database's
};

}  // namespace orch::ha::raft

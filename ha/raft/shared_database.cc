#include "ha/raft/shared_database.h"

#include <utility>

#include <fmt/format.h>

#include "ha/raft/tables.h"

namespace orch::ha::raft {

namespace {

using storage::SqlValue;

/// Only the leader makes commands, and one at a time: more than once is rare.
constexpr int kMostTrials = 20;

/// The INSERT with a generated key as its first column.
Result<> give_id(Statement& insert, std::string_view key, std::int64_t id) {
  constexpr std::string_view kValues = ") values (";
  const std::size_t columns = insert.sql.find('(');
  const std::size_t values = insert.sql.find(kValues);
  if (columns == std::string::npos || values == std::string::npos ||
      insert.sql.find("), (", values) != std::string::npos) {
    return fail(ErrorKind::InvalidInput, "a statement that cannot be given a key: " + insert.sql);
  }
  insert.sql.insert(values + kValues.size(), "?, ");
  insert.sql.insert(columns + 1, fmt::format("{}, ", key));
  insert.arguments.insert(insert.arguments.begin(), id);
  return {};
}

Result<std::int64_t> next_id(storage::Database& database, const SharedTable& table) {
  std::int64_t id = 0;
  ORCH_TRY(
      database.select(fmt::format("select coalesce(max({}), 0) + 1 from {}", table.key, table.name),
                      {}, [&id](const storage::Row& row) { id = row.integer(0); }));
  return id;
}

}  // namespace

Error SharedDatabase::not_leading() const {
  const std::string leader = group_.status().leader;
  return {ErrorKind::Conflict,
          leader.empty()
              ? "this node does not lead, and nobody is known who does: nothing is written"
              : fmt::format("this node does not lead: {} does, and what is written is asked of it",
                            leader)};
}

Result<std::int64_t> SharedDatabase::execute(std::string_view sql,
                                             std::span<const SqlValue> arguments) {
  Statement statement{std::string(sql), {arguments.begin(), arguments.end()}};
  if (trying()) return try_statement(std::move(statement));
  if (shared_table_of(kind_of(sql)) == nullptr) {
    given_id_ = 0;
    return own_.execute(sql, arguments);
  }
  std::int64_t rows = 0;
  ORCH_TRY(transaction([&]() -> Result<> {
    ORCH_ASSIGN(rows, try_statement(statement));
    return {};
  }));
  return rows;
}

Result<std::int64_t> SharedDatabase::try_statement(Statement statement) {
  const StatementKind kind = kind_of(statement.sql);
  const SharedTable* table = shared_table_of(kind);
  const bool inserts = kind.action == StatementKind::Action::Insert;
  std::int64_t id = 0;
  if (table != nullptr && inserts && !table->key.empty()) {
    ORCH_ASSIGN(id, next_id(own_, *table));
    ORCH_TRY(give_id(statement, table->key, id));
  }
  ORCH_ASSIGN(const std::int64_t rows,
              own_.execute(statement.sql, std::span<const SqlValue>(statement.arguments)));
  if (inserts) given_id_ = id;
  if (table == nullptr) {
    trial_.own.push_back(std::move(statement));
  } else if (rows > 0) {
    if (!group_.leading()) return fail(not_leading());
    trial_.shared.push_back(std::move(statement));
  }
  return rows;
}

Result<SharedDatabase::Verdict> SharedDatabase::try_out(const std::function<Result<>()>& work) {
  bool undone = false;
  const Result<> tried = own_.transaction([&]() -> Result<> {
    undone = false;
    trial_ = {};
    ORCH_TRY(own_.select(
        "select changed_index from orch_raft_state", {},
        [this](const storage::Row& row) { trial_.base = static_cast<Index>(row.integer(0)); }));
    trying_ = std::this_thread::get_id();
    Result<> done = work();
    trying_ = std::thread::id();
    if (!done || trial_.shared.empty()) return done;
    undone = true;
    return fail(ErrorKind::Conflict, "to be agreed on first");
  });
  if (undone) return Verdict::Undone;
  if (!tried) return fail(tried.error());
  return Verdict::Written;
}

/// What else the transaction wrote.
Result<> SharedDatabase::follow() {
  if (trial_.own.empty()) return {};
  return own_.transaction([this]() -> Result<> {
    for (const Statement& statement : trial_.own) {
      ORCH_TRY(own_.execute(statement.sql, std::span<const SqlValue>(statement.arguments)));
    }
    return {};
  });
}

Result<> SharedDatabase::transaction(const std::function<Result<>()>& work) {
  if (trying()) return work();
  const std::lock_guard lock(mutex_);
  for (int trials = 0; trials < kMostTrials; ++trials) {
    ORCH_ASSIGN(const Verdict verdict, try_out(work));
    if (verdict == Verdict::Written) return {};
    ORCH_ASSIGN(
        const std::string answer,
        group_.propose(pack({dialect().kind(), trial_.base, std::move(trial_.shared)}), limit_));
    if (answer == kDone) return follow();
    if (answer != kOutdated) {
      return fail(ErrorKind::Broken, fmt::format("the group answers a command: {}", answer));
    }
  }
  return fail(ErrorKind::Conflict, "others wrote in between, again and again");
}

std::int64_t SharedDatabase::last_insert_id() const {
  const std::int64_t given = given_id_;
  return given != 0 ? given : own_.last_insert_id();
}

}  // namespace orch::ha::raft

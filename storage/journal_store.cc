#include "storage/journal_store.h"

#include <fmt/format.h>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlRunColumns = R"(
    select recovery_uid, kind, stage, command, request, hostname, port, designated_hostname,
           designated_port, owner_hostname, owner_token, owner_process, term, alive_at,
           winner_hostname, winner_port, promotion_coordinates, promotion_position,
           lost_transactions, facts
      from orch_recovery_run)";
constexpr std::string_view kSqlFindOwner =
    "select owner_hostname, owner_token from orch_recovery_run where recovery_uid = ?";
constexpr std::string_view kSqlTakeOver = R"(
    update orch_recovery_run
       set owner_hostname = ?, owner_token = ?, owner_process = ?, term = ?, alive_at = ?
     where recovery_uid = ? and owner_hostname = ? and owner_token = ? and stage <> ?)";
constexpr std::string_view kSqlTouch = R"(
    update orch_recovery_run
       set alive_at = ?
     where recovery_uid = ? and owner_hostname = ? and owner_token = ?)";
constexpr std::string_view kSqlLastSequence =
    "select coalesce(max(sequence), 0) from orch_recovery_journal where recovery_uid = ?";
constexpr std::string_view kSqlEndJournal = R"(
    update orch_recovery_journal
       set state = ?, error = ?, ended_at = ?
     where recovery_uid = ? and sequence = ?)";
constexpr std::string_view kSqlListJournal = R"(
    select recovery_uid, sequence, owner_hostname, owner_token, term, hostname, port, action, why,
           point_of_no_return, state, error, begun_at, ended_at, changes_server
      from orch_recovery_journal
     where recovery_uid = ?
     order by sequence)";
constexpr std::string_view kSqlExpireRuns = "delete from orch_recovery_run where alive_at < ?";
constexpr std::string_view kSqlExpireSteps = R"(
    delete from orch_recovery_journal
     where begun_at < ?
       and not exists (
             select 1 from orch_recovery_run r
              where r.recovery_uid = orch_recovery_journal.recovery_uid))";

RecoveryRun read_run(const Row& row) {
  return {.uid = row.text(0),
          .kind = row.text(1),
          .stage = row.text(2),
          .command = row.text(3),
          .request = row.text(4),
          .failed = read_key(row, 5),
          .designated = read_key(row, 7),
          .owner = {.node = {row.text(9), row.text(10)},
                    .process = row.text(11),
                    .term = static_cast<Term>(row.integer(12))},
          .alive_at = row.time(13),
          .winner = read_key(row, 14),
          .promotion_coordinates = row.text(16),
          .promotion_position = row.text(17),
          .lost_transactions = row.text(18),
          .facts = row.text(19)};
}

JournalState read_state(std::string_view text) {
  if (text == to_string(JournalState::Done)) return JournalState::Done;
  if (text == to_string(JournalState::Failed)) return JournalState::Failed;
  return JournalState::Intent;
}

Result<std::vector<RecoveryRun>> list_runs(Database& database, std::string_view where,
                                           std::initializer_list<SqlValue> arguments) {
  std::vector<RecoveryRun> runs;
  ORCH_TRY(database.select(std::string(kSqlRunColumns) + std::string(where), arguments,
                           [&runs](const Row& row) { runs.push_back(read_run(row)); }));
  return runs;
}

}  // namespace

std::string_view to_string(JournalState state) {
  switch (state) {
    case JournalState::Intent:
      return "intent";
    case JournalState::Done:
      return "done";
    case JournalState::Failed:
      break;
  }
  return "failed";
}

/// A run that has no record yet belongs to whoever asks.
Result<> JournalStore::check_owner(const std::string& uid, const NodeIdentity& owner) const {
  std::optional<NodeIdentity> found;
  ORCH_TRY(database_.select(kSqlFindOwner, {uid}, [&found](const Row& row) {
    found = NodeIdentity{row.text(0), row.text(1)};
  }));
  if (!found || (found->hostname == owner.hostname && found->token == owner.token)) return {};
  return fail(
      ErrorKind::Conflict,
      fmt::format("recovery {} is carried on by another process, on {}", uid, found->hostname));
}

Result<> JournalStore::save_run(const RecoveryRun& run) {
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(check_owner(run.uid, run.owner.node));
    return save_rows(database_, "orch_recovery_run", {"recovery_uid"},
                     {"recovery_uid",
                      "kind",
                      "stage",
                      "command",
                      "request",
                      "hostname",
                      "port",
                      "designated_hostname",
                      "designated_port",
                      "owner_hostname",
                      "owner_token",
                      "owner_process",
                      "term",
                      "alive_at",
                      "winner_hostname",
                      "winner_port",
                      "promotion_coordinates",
                      "promotion_position",
                      "lost_transactions",
                      "facts"},
                     {{run.uid,
                       run.kind,
                       run.stage,
                       run.command,
                       run.request,
                       run.failed.hostname,
                       port_of(run.failed),
                       run.designated.hostname,
                       port_of(run.designated),
                       run.owner.node.hostname,
                       run.owner.node.token,
                       run.owner.process,
                       static_cast<std::int64_t>(run.owner.term),
                       format_time(clock_.now()),
                       run.winner.hostname,
                       port_of(run.winner),
                       run.promotion_coordinates,
                       run.promotion_position,
                       run.lost_transactions,
                       run.facts}});
  });
}

Result<std::optional<RecoveryRun>> JournalStore::find_run(const std::string& uid) const {
  ORCH_ASSIGN(std::vector<RecoveryRun> runs,
              list_runs(database_, " where recovery_uid = ?", {uid}));
  if (runs.empty()) return std::optional<RecoveryRun>();
  return std::optional<RecoveryRun>(std::move(runs.front()));
}

Result<std::vector<RecoveryRun>> JournalStore::list_unfinished() const {
  return list_runs(database_, " where stage <> ? order by recovery_uid",
                   {std::string(kEndedStage)});
}

Result<std::optional<RecoveryRun>> JournalStore::find_latest(const InstanceKey& failed,
                                                             const std::string& kind) const {
  // A uid begins with the time.
  ORCH_ASSIGN(std::vector<RecoveryRun> runs,
              list_runs(database_,
                        " where hostname = ? and port = ? and kind = ?"
                        " order by recovery_uid desc limit 1",
                        {failed.hostname, static_cast<std::int64_t>(failed.port), kind}));
  if (runs.empty()) return std::optional<RecoveryRun>();
  return std::optional<RecoveryRun>(std::move(runs.front()));
}

Result<bool> JournalStore::take_over(const std::string& uid, const RecoveryOwner& from,
                                     const RecoveryOwner& to) {
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(kSqlTakeOver,
                                {to.node.hostname, to.node.token, to.process,
                                 static_cast<std::int64_t>(to.term), format_time(clock_.now()), uid,
                                 from.node.hostname, from.node.token, std::string(kEndedStage)}));
  return rows > 0;
}

Result<bool> JournalStore::touch(const std::string& uid, const NodeIdentity& owner) {
  ORCH_ASSIGN(const std::int64_t rows, database_.execute(kSqlTouch, {format_time(clock_.now()), uid,
                                                                     owner.hostname, owner.token}));
  return rows > 0;
}

Result<std::int64_t> JournalStore::begin(const JournalEntry& entry) {
  std::int64_t sequence = 0;
  const auto work = [&]() -> Result<> {
    ORCH_TRY(check_owner(entry.uid, entry.owner.node));
    ORCH_TRY(database_.select(kSqlLastSequence, {entry.uid},
                              [&sequence](const Row& row) { sequence = row.integer(0) + 1; }));
    // One of the same number may be left on a server whose latest writes were lost (HA-5).
    return save_rows(
        database_, "orch_recovery_journal", {"recovery_uid", "sequence"},
        {"recovery_uid", "sequence", "term", "owner_hostname", "owner_token", "hostname", "port",
         "action", "why", "changes_server", "point_of_no_return", "state", "error", "begun_at"},
        {{entry.uid, sequence, static_cast<std::int64_t>(entry.owner.term),
          entry.owner.node.hostname, entry.owner.node.token, entry.server.hostname,
          port_of(entry.server), entry.action, entry.why, std::int64_t{entry.changes_server},
          std::int64_t{entry.point_of_no_return}, std::string(to_string(JournalState::Intent)),
          std::string(), format_time(clock_.now())}});
  };
  ORCH_TRY(database_.transaction(work));
  return sequence;
}

Result<> JournalStore::end(const std::string& uid, std::int64_t sequence,
                           const std::string& error) {
  const JournalState state = error.empty() ? JournalState::Done : JournalState::Failed;
  ORCH_TRY(database_.execute(kSqlEndJournal, {std::string(to_string(state)), error,
                                              format_time(clock_.now()), uid, sequence}));
  return {};
}

Result<std::vector<JournalEntry>> JournalStore::list(const std::string& uid) const {
  std::vector<JournalEntry> entries;
  ORCH_TRY(database_.select(kSqlListJournal, {uid}, [&entries](const Row& row) {
    entries.push_back({.uid = row.text(0),
                       .sequence = row.integer(1),
                       .owner = {.node = {row.text(2), row.text(3)},
                                 .process = {},
                                 .term = static_cast<Term>(row.integer(4))},
                       .server = read_key(row, 5),
                       .action = row.text(7),
                       .why = row.text(8),
                       .changes_server = row.boolean(14),
                       .point_of_no_return = row.boolean(9),
                       .state = read_state(row.view(10)),
                       .error = row.text(11),
                       .begun = row.time(12),
                       .ended = row.time(13)});
  }));
  return entries;
}

Result<std::int64_t> JournalStore::expire(std::chrono::days age) {
  const std::string oldest = format_time(clock_.now() - age);
  std::int64_t gone = 0;
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(const std::int64_t runs, database_.execute(kSqlExpireRuns, {oldest}));
    ORCH_ASSIGN(const std::int64_t steps, database_.execute(kSqlExpireSteps, {oldest}));
    gone = runs + steps;
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return gone;
}

}  // namespace orch::storage

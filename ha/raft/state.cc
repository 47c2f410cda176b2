#include "ha/raft/state.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "ha/raft/snapshot.h"
#include "ha/raft/tables.h"
#include "storage/node_store.h"
#include "storage/room.h"
#include "storage/statements.h"

namespace orch::ha::raft {

namespace {

constexpr std::string_view kSqlProgress =
    "select applied_index, changed_index from orch_raft_state where anchor = 1";
constexpr std::string_view kPairingFile = "database";

/// How often a command is tried on a database that says no, or is broken.
constexpr int kMostTries = 3;
/// One that cannot be reached is waited for: its server may be started again.
constexpr std::chrono::milliseconds kTryAgain{100};

Result<Progress> read_progress(storage::Database& database) {
  Progress progress;
  ORCH_TRY(database.select(kSqlProgress, {}, [&progress](const storage::Row& row) {
    progress = {static_cast<Index>(row.integer(0)), static_cast<Index>(row.integer(1))};
  }));
  return progress;
}

Result<> save_progress(storage::Database& database, const Progress& progress) {
  return storage::save_rows(database, "orch_raft_state", {"anchor"},
                            {"anchor", "applied_index", "changed_index"},
                            {{std::int64_t{1}, static_cast<std::int64_t>(progress.applied),
                              static_cast<std::int64_t>(progress.changed)}});
}

/// The server whose record the statement deletes.
std::optional<InstanceKey> forgotten_by(const Statement& statement) {
  const StatementKind kind = kind_of(statement.sql);
  if (kind.action != StatementKind::Action::Delete || kind.table != "database_instance" ||
      statement.arguments.size() != 2) {
    return std::nullopt;
  }
  const auto* host = std::get_if<std::string>(&statement.arguments[0]);
  const auto* port = std::get_if<std::int64_t>(&statement.arguments[1]);
  if (host == nullptr || port == nullptr) return std::nullopt;
  return InstanceKey{*host, static_cast<std::uint16_t>(*port)};
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream from(file);
  std::string text;
  std::getline(from, text);
  return text;
}

}  // namespace

Result<> State::attach(const std::string& directory) {
  ORCH_ASSIGN(
      const auto a_server,
      storage::select_text(database_, "select hostname from database_instance limit 1", {}));
  ORCH_ASSIGN(const bool is_new, pair(directory));
  if (is_new && a_server) {
    log::warning(
        "raft: {} and the backend {} have no past in common: this node begins as a new one, and "
        "gets what was decided from the others",
        directory, database_.name());
  }
  return {};
}

Result<bool> State::pair(const std::string& directory) {
  const std::filesystem::path folder(directory);
  const std::filesystem::path file = folder / kPairingFile;
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) {
    return fail(ErrorKind::Denied, fmt::format("RaftDataDir {}: {}", directory, problem.message()));
  }
  ORCH_ASSIGN(
      const std::optional<std::string> here,
      storage::select_text(database_, "select pairing from orch_raft_state where anchor = 1", {}));
  if (here && !here->empty() && *here == read_file(file)) return false;
  ORCH_ASSIGN(const std::string token, storage::make_token());
  const auto begin_anew = [&]() -> Result<> {
    ORCH_TRY(clear_decisions(database_));
    return storage::save_rows(
        database_, "orch_raft_state", {"anchor"},
        {"anchor", "applied_index", "changed_index", "pairing"},
        {{std::int64_t{1}, std::int64_t{0}, std::int64_t{0}, std::string(token)}});
  };
  ORCH_TRY(database_.transaction(begin_anew));
  // After the database: cut off in between, the two do not fit, and this is done once more.
  std::ofstream to(file);
  to << token << "\n";
  to.close();
  if (!to) return fail(ErrorKind::Denied, fmt::format("{} cannot be written", file.string()));
  return true;
}

Result<> State::carry_out(Index index, const Result<Command>& command, std::string& answer,
                          std::set<InstanceKey>& gone) {
  gone.clear();
  ORCH_ASSIGN(Progress progress, read_progress(database_));
  if (index <= progress.applied) return {};
  progress.applied = index;
  if (!command) {
    answer = kNotUnderstood;
  } else if (command->base != progress.changed) {
    answer = kOutdated;
  } else {
    answer = kDone;
    progress.changed = index;
    for (const Statement& statement : command->statements) {
      if (const auto key = forgotten_by(statement)) gone.insert(*key);
      ORCH_TRY(database_.execute(statement.sql,
                                 std::span<const storage::SqlValue>(statement.arguments)));
    }
  }
  return save_progress(database_, progress);
}

Result<std::string> State::apply(Index index, std::string_view packed) {
  const Result<Command> command = unpack(packed);
  const storage::Dialect::Kind kind = database_.dialect().kind();
  if (!command) log::error("raft: entry {}: {}", index, command.error().message);
  if (command && command->dialect != kind) {
    return fail(ErrorKind::Broken,
                fmt::format("this node's backend is {}, and the group's is {}: all nodes of a raft "
                            "group need the same kind (BackendDB)",
                            to_string(kind), to_string(command->dialect)));
  }
  std::string answer(kDone);  // to one that was carried out before
  std::set<InstanceKey> gone;
  const SteadyPoint deadline = std::chrono::steady_clock::now() + patience_;
  for (int tries = 1;; ++tries) {
    Result<> done = database_.transaction([&] { return carry_out(index, command, answer, gone); });
    if (done) {
      wait_for("");
      if (forgotten_ && !gone.empty()) forgotten_(gone);
      return answer;
    }
    const bool away = done.error().kind == ErrorKind::Unreachable;
    const bool full = storage::is_for_want_of_room(done.error());
    if (!ends_ && (full || (away && std::chrono::steady_clock::now() < deadline))) {
      if (tries == 1) log::error("raft: entry {} waits: {}", index, done.error().message);
      wait_for(done.error().message);
      std::this_thread::sleep_for(kTryAgain);
    } else if (ends_ || away || tries >= kMostTries) {
      return fail(std::move(done).error().within(fmt::format(
          "raft: entry {} cannot be carried out, though the group agreed on it{}", index,
          away || full
              ? ""
              : " (if the backend is sound, empty RaftDataDir, and the others will feed this "
                "node)")));
    }
  }
}

void State::wait_for(std::string what) {
  const MutexLock lock(mutex_);
  waits_for_ = std::move(what);
}

std::string State::waits_for() const {
  const MutexLock lock(mutex_);
  return waits_for_;
}

Result<std::string> State::snapshot(const std::function<void()>& pinned) {
  std::string snapshot;
  std::optional<Index> pinned_at;
  ORCH_TRY(reader_.reading([&]() -> Result<> {
    ORCH_ASSIGN(const Progress progress, read_progress(reader_));
    // The engine goes on once it is pinned: what is read anew then may be of a later entry.
    if (pinned_at && *pinned_at != progress.applied) {
      return fail(ErrorKind::Unreachable,
                  fmt::format("the connection to {} was lost meanwhile", reader_.name()));
    }
    pinned_at = progress.applied;
    pinned();
    ORCH_ASSIGN(snapshot, write_snapshot(reader_, progress));
    return {};
  }));
  return snapshot;
}

Result<> State::reset() {
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(clear_decisions(database_));
    return save_progress(database_, {});
  });
}

Result<> State::restore(std::string_view snapshot) {
  ORCH_ASSIGN(const Progress then, check_snapshot(database_, snapshot));
  std::set<InstanceKey> gone;
  ORCH_TRY(database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN(const Progress now, read_progress(database_));
    if (now.applied >= then.applied && now.applied > 0) return {};
    ORCH_ASSIGN(gone, load_snapshot(database_, clock_, snapshot));
    return save_progress(database_, then);
  }));
  if (forgotten_ && !gone.empty()) forgotten_(gone);
  return {};
}

Result<Index> State::applied() const {
  ORCH_ASSIGN(const Progress progress, read_progress(database_));
  return progress.applied;
}

Result<std::string> State::group_number() const {
  ORCH_ASSIGN(std::optional<std::string> number,
              storage::select_text(database_, "select url from orch_raft_node where address = ?",
                                   {std::string(kGroupRow)}));
  return std::move(number).value_or("");
}

}  // namespace orch::ha::raft

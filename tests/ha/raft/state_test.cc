#include "ha/raft/state.h"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "storage/room.h"
#include "tests/ha/raft/raft_bench.h"

namespace orch::ha::raft {

namespace {

struct LoneState : storage::MemoryBackend {
  State state{database(), clock};

  /// A command of one statement, made after the one at `base`.
  [[nodiscard]] std::string command(Index base, std::string sql,
                                    std::vector<storage::SqlValue> arguments = {}) {
    return pack({.dialect = database().dialect().kind(),
                 .base = base,
                 .statements = {{std::move(sql), std::move(arguments)}}});
  }
  std::string apply(Index index, const std::string& packed) {
    const Result<std::string> answer = state.apply(index, packed);
    return answer ? *answer : "error: " + answer.error().message;
  }
  std::string switches() { return value("select count(*) from global_recovery_disable"); }
};

/// A database whose server is away for some calls.
class AwayDatabase final : public storage::Database {
 public:
  explicit AwayDatabase(storage::Database& real) : real_(real) {}
  std::atomic<int> away{0};
  std::atomic<int> asked{0};
  Error problem{ErrorKind::Unreachable, "backend database: connection refused"};

  [[nodiscard]] const storage::Dialect& dialect() const override { return real_.dialect(); }
  [[nodiscard]] const std::string& name() const override { return real_.name(); }
  using Database::execute;
  using Database::select;
  Result<> select(std::string_view sql, std::span<const storage::SqlValue> arguments,
                  const std::function<void(const storage::Row&)>& each) override {
    return real_.select(sql, arguments, each);
  }
  Result<std::int64_t> execute(std::string_view sql,
                               std::span<const storage::SqlValue> arguments) override {
    return real_.execute(sql, arguments);
  }
  Result<> execute_script(std::string_view sql) override { return real_.execute_script(sql); }
  Result<> transaction(const std::function<Result<>()>& work) override {
    if (asked++ < away) return fail(problem);
    return real_.transaction(work);
  }
  [[nodiscard]] std::int64_t last_insert_id() const override { return real_.last_insert_id(); }

 private:
  storage::Database& real_;
};

constexpr std::string_view kSwitchOff = "insert into global_recovery_disable values (1)";

}  // namespace

TEST_CASE("an entry that was applied before changes nothing when it comes again (HA-7)") {
  LoneState node;
  CHECK(node.apply(7, node.command(0, std::string(kSwitchOff))) == kDone);
  node.run("delete from global_recovery_disable");
  CHECK(node.apply(7, node.command(0, std::string(kSwitchOff))) == kDone);
  CHECK(node.apply(6, node.command(0, std::string(kSwitchOff))) == kDone);
  CHECK(node.switches() == "0");
  CHECK(*node.state.applied() == 7);
}

TEST_CASE("what is carried out while a snapshot is written neither waits nor shows in it (HA-9)") {
  const TemporaryFolder folder;
  storage::MemoryBackend backend((folder.path / "orch.db").string());
  const auto reader = backend.open();
  State state(backend.database(), backend.clock, {}, std::chrono::seconds(1), reader.get());
  LoneState other;
  const std::string second = other.command(1, "delete from global_recovery_disable");
  REQUIRE(state.apply(1, other.command(0, std::string(kSwitchOff))));
  bool applied = false;
  const auto snapshot = state.snapshot([&] { applied = state.apply(2, second).has_value(); });
  REQUIRE_MESSAGE(snapshot, snapshot.error().message);
  CHECK(applied);
  CHECK(*state.applied() == 2);
  REQUIRE(other.state.restore(*snapshot));
  CHECK(*other.state.applied() == 1);
  CHECK(other.switches() == "1");
  CHECK(other.apply(2, second) == kDone);
  CHECK(other.switches() == "0");
}

TEST_CASE("a command that was made before another one changed something is outdated") {
  LoneState node;
  CHECK(node.apply(1, node.command(0, "delete from kv_store")) == kDone);
  CHECK(node.apply(2, node.command(0, std::string(kSwitchOff))) == kOutdated);
  CHECK(node.switches() == "0");
  // What was refused did not change anything: the next one need not know of it.
  CHECK(node.apply(3, node.command(1, std::string(kSwitchOff))) == kDone);
  CHECK(node.switches() == "1");
}

TEST_CASE("a command that nobody understands is answered and passed over") {
  LoneState node;
  CHECK(node.apply(1, "rubbish") == kNotUnderstood);
  CHECK(node.apply(2, node.command(0, std::string(kSwitchOff))) == kDone);
  CHECK(*node.state.applied() == 2);
}

TEST_CASE("what fails in the database is an error, and leaves nothing half done") {
  LoneState node;
  const std::string packed =
      pack({.dialect = node.database().dialect().kind(),
            .statements = {{std::string(kSwitchOff), {}}, {"delete from no_such_table", {}}}});
  CHECK(node.apply(1, packed).starts_with("error: raft: entry 1 cannot be carried out"));
  CHECK(node.switches() == "0");
  CHECK(*node.state.applied() == 0);
}

TEST_CASE("a backend that is away for a moment is waited for, and one that stays away is named") {
  LoneState node;
  AwayDatabase database(node.database());
  database.away = 10;
  State patient(database, node.clock);
  const auto applied = patient.apply(1, node.command(0, std::string(kSwitchOff)));
  REQUIRE_MESSAGE(applied, applied.error().message);
  CHECK(node.switches() == "1");

  database.away = 1'000'000;
  State hasty(database, node.clock, {}, std::chrono::milliseconds(150));
  const auto failed = hasty.apply(2, node.command(1, "delete from kv_store"));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("connection refused") != std::string::npos);
  // Nothing is wrong with what stands in RaftDataDir.
  CHECK(failed.error().message.find("RaftDataDir") == std::string::npos);
}

TEST_CASE("a backend whose disk is full is waited for as long as it takes, and says so") {
  LoneState node;
  AwayDatabase database(node.database());
  database.problem = {ErrorKind::Broken, std::string(storage::kNoRoom)};
  database.away = 1'000'000;
  State state(database, node.clock, {}, std::chrono::milliseconds(0));
  std::atomic<bool> over{false};
  std::thread applying([&] {
    const auto applied = state.apply(1, node.command(0, std::string(kSwitchOff)));
    over = true;
    CHECK_MESSAGE(applied, applied.error().message);
  });
  while (database.asked < 5 && !over)
    std::this_thread::yield();
  CHECK(state.waits_for() == storage::kNoRoom);
  database.away = 0;
  applying.join();
  CHECK(state.waits_for().empty());
  CHECK(node.switches() == "1");
  // One that is to end does not wait for it.
  database.away = 1'000'000;
  state.wait_no_more();
  CHECK_FALSE(state.apply(2, node.command(1, "delete from kv_store")));
}

TEST_CASE("a command in the words of another kind of database is an error that says so") {
  LoneState node;
  const bool sqlite = node.database().dialect().kind() == storage::Dialect::Kind::Sqlite;
  const std::string packed =
      pack({.dialect = sqlite ? storage::Dialect::Kind::MySql : storage::Dialect::Kind::Sqlite});
  CHECK(node.apply(1, packed).find("same kind (BackendDB)") != std::string::npos);
}

TEST_CASE("whoever watches servers is told which ones are forgotten") {
  storage::MemoryBackend backend;
  std::set<InstanceKey> gone;
  State state(backend.database(), backend.clock,
              [&gone](const std::set<InstanceKey>& keys) { gone = keys; });
  const std::string packed =
      pack({.dialect = backend.database().dialect().kind(),
            .statements = {{"delete from database_instance where hostname = ? and port = ?",
                            {std::string("db-1"), std::int64_t{3306}}},
                           {"delete from kv_store", {}}}});
  REQUIRE(state.apply(1, packed).has_value());
  CHECK(gone == std::set<InstanceKey>{{"db-1", 3306}});
  gone.clear();
  REQUIRE(state.apply(1, packed).has_value());
  CHECK(gone.empty());
}

TEST_CASE("a database and a log that belong together stay as they are") {
  const TemporaryFolder folder;
  const std::string directory = (folder.path / "raft").string();
  LoneState node;
  CHECK(*node.state.pair(directory) == true);
  CHECK(node.apply(5, node.command(0, std::string(kSwitchOff))) == kDone);
  CHECK(*node.state.pair(directory) == false);
  CHECK(node.switches() == "1");
  CHECK(*node.state.applied() == 5);
}

TEST_CASE("a database whose log was lost begins anew, and so does one beside a strange log") {
  const TemporaryFolder folder;
  const std::string directory = (folder.path / "raft").string();
  LoneState node;
  REQUIRE(node.state.pair(directory).has_value());
  CHECK(node.apply(5, node.command(0, std::string(kSwitchOff))) == kDone);
  std::filesystem::remove_all(directory);
  CHECK(*node.state.pair(directory) == true);
  CHECK(node.switches() == "0");
  CHECK(*node.state.applied() == 0);
  LoneState other;
  CHECK(*other.state.pair(directory) == true);
  CHECK(*node.state.pair(directory) == true);
}

TEST_CASE("a node that gets a new log forgets what was agreed on, and stays with its directory") {
  const TemporaryFolder folder;
  LoneState node;
  REQUIRE(node.state.pair(folder.path.string()).has_value());
  CHECK(node.apply(5, node.command(0, std::string(kSwitchOff))) == kDone);
  const Result<> forgotten = node.state.reset();
  REQUIRE_MESSAGE(forgotten.has_value(), storage::why(forgotten));
  CHECK(node.switches() == "0");
  CHECK(*node.state.pair(folder.path.string()) == false);
  CHECK(node.apply(1, node.command(0, std::string(kSwitchOff))) == kDone);
  CHECK(node.switches() == "1");
}

TEST_CASE("a data directory that cannot be made is named") {
  LoneState node;
  const Result<bool> paired = node.state.pair("/proc/nothing/raft");
  REQUIRE_FALSE(paired.has_value());
  CHECK(paired.error().kind == ErrorKind::Denied);
  CHECK(paired.error().message.find("/proc/nothing/raft") != std::string::npos);
}

}  // namespace orch::ha::raft

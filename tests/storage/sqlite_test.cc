#include "storage/sqlite.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "storage/open.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

namespace fs = std::filesystem;

/// A directory of its own for each test, gone afterwards.
struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string form = (fs::temp_directory_path() / "orch-test-XXXXXX").string();
    REQUIRE(mkdtemp(form.data()) != nullptr);
    path = form;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  fs::path path;
};

constexpr std::chrono::milliseconds kShort{50};

Result<std::unique_ptr<Database>> open_file(const std::string& file,
                                            std::chrono::milliseconds busy_timeout = kShort) {
  BackendSettings settings;
  settings.backend_db = "sqlite3";
  settings.sqlite3_data_file = file;
  return open_backend(settings, {.version = "test", .busy_timeout = busy_timeout}, FakeClock());
}

void check_refused(const std::string& file, ErrorKind kind, const std::string& what) {
  const auto opened = open_file(file);
  CAPTURE(what);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == kind);
  CAPTURE(opened.error().message);
  CHECK(opened.error().message.find(file) != std::string::npos);
  CHECK(opened.error().message.find(what) != std::string::npos);
  CHECK(opened.error().message.find('\n') == std::string::npos);
}

}  // namespace

TEST_SUITE("storage/sqlite") {
  TEST_CASE("values of every type come back, and odd ones read as 0 or nothing") {
    MemoryBackend backend;
    REQUIRE(backend.database().select(
        "select ?, ?, ?, ?, 'x', '12', '2026-01-31T10:20:30Z'",
        {std::monostate{}, std::int64_t{-5}, 1.5, std::string("a\0b", 3)}, [](const Row& row) {
          CHECK(row.is_null(0));
          CHECK(row.integer(0) == 0);
          CHECK(row.text(0) == "");
          CHECK(row.integer(1) == -5);
          CHECK(row.text(1) == "-5");
          CHECK(row.boolean(1));
          CHECK(row.text(2) == "1.5");
          CHECK(row.text(3) == std::string("a\0b", 3));
          CHECK(row.integer(4) == 0);
          CHECK_FALSE(row.boolean(4));
          CHECK(row.integer(5) == 12);
          CHECK(row.time(6) == FakeClock().now());
          CHECK_FALSE(row.time(4).has_value());
        }));
  }

  TEST_CASE("a failed transaction leaves nothing behind, and nested ones join the outer one") {
    MemoryBackend backend;
    Database& database = backend.database();
    const auto insert = [&database](const std::string& key) -> Result<> {
      ORCH_TRY(
          database.execute("insert into kv_store (store_key, store_value) values (?, 'v')", {key}));
      return {};
    };
    const auto failed = database.transaction([&]() -> Result<> {
      ORCH_TRY(insert("a"));
      ORCH_TRY(database.transaction([&]() -> Result<> { return insert("b"); }));
      return fail(ErrorKind::Refused, "changed my mind");
    });
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().message == "changed my mind");
    CHECK(backend.value("select count(*) from kv_store") == "0");

    const auto done = database.transaction([&]() -> Result<> {
      ORCH_TRY(insert("a"));
      return database.transaction([&]() -> Result<> { return insert("b"); });
    });
    CHECK(done.has_value());
    CHECK(backend.value("select count(*) from kv_store") == "2");
  }

  TEST_CASE("the same statement can run again while its rows are read") {
    MemoryBackend backend;
    int pairs = 0;
    const std::string sql = "select 1 union all select 2";
    REQUIRE(backend.database().select(sql, {}, [&](const Row&) {
      REQUIRE(backend.database().select(sql, {}, [&pairs](const Row&) { ++pairs; }));
    }));
    CHECK(pairs == 4);
  }

  TEST_CASE("a refused statement names the database and what SQLite says") {
    MemoryBackend backend;
    const auto done = backend.database().execute("insert into no_such_table values (1)");
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().kind == ErrorKind::Broken);
    CHECK(done.error().message.find(":memory:") != std::string::npos);
    CHECK(done.error().message.find("no such table") != std::string::npos);
  }

  TEST_CASE("paths that cannot be a database are refused with the reason") {
    const TemporaryDirectory directory;
    const auto opened = open_file("");
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().message.find("SQLite3DataFile") != std::string::npos);
    check_refused(directory.path, ErrorKind::Unreachable, "it is a directory");
    check_refused(directory.path / "missing" / "orch.db", ErrorKind::Unreachable,
                  (directory.path / "missing").string() + " does not exist; create it");
    std::ofstream(directory.path / "plain") << "x";
    check_refused(directory.path / "plain" / "orch.db", ErrorKind::Unreachable,
                  "is not a directory");
  }

  TEST_CASE("a pipe or a device is refused without being waited for") {
    const TemporaryDirectory directory;
    const std::string pipe = directory.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    check_refused(pipe, ErrorKind::InvalidInput, "is a device, pipe or socket");
    check_refused("/dev/null", ErrorKind::InvalidInput, "name a regular file in SQLite3DataFile");
  }

  TEST_CASE("the database of another program is refused and left as it is") {
    const TemporaryDirectory directory;
    const fs::path file = directory.path / "other.db";
    {
      auto other = open_sqlite(file, kShort);
      REQUIRE(other.has_value());
      REQUIRE((*other)->execute("create table recipes (name text)"));
    }
    const std::uintmax_t size = fs::file_size(file);
    check_refused(file, ErrorKind::Refused, "belongs to another program: it has a table 'recipes'");
    CHECK(fs::file_size(file) == size);
    CHECK_FALSE(fs::exists(file.string() + "-wal"));
  }

  TEST_CASE("the log stays short, however many commands write a row and end") {
    const TemporaryDirectory directory;
    const fs::path file = directory.path / "orch.db";
    constexpr int kCommands = 300;
    std::uintmax_t longest = 0;
    for (int i = 0; i < kCommands; ++i) {
      {
        const auto opened = open_file(file);
        REQUIRE(opened.has_value());
        REQUIRE((*opened)->execute("insert into kv_store (store_key, store_value) values (?, ?)",
                                   {std::int64_t{i}, std::string(2000, 'v')}));
      }
      longest = std::max(longest, fs::file_size(file.string() + "-wal"));
    }
    CHECK(longest > 0);  // not emptied each time either
    CHECK(longest < 300'000);
    const auto opened = open_file(file);
    REQUIRE(opened.has_value());
    std::int64_t rows = 0;
    REQUIRE((*opened)->select("select count(*) from kv_store", {},
                              [&rows](const Row& row) { rows = row.integer(0); }));
    CHECK(rows == kCommands);
  }

  TEST_CASE("a file that is no database is refused and left as it is") {
    for (const std::size_t size : {1U, 2U, 5000U}) {
      const TemporaryDirectory directory;
      const fs::path file = directory.path / "notes.txt";
      const std::string text(size, 'n');
      std::ofstream(file) << text;
      check_refused(file, ErrorKind::Broken, "is not a SQLite database");
      std::ifstream now(file);
      CHECK(std::string(std::istreambuf_iterator<char>(now), {}) == text);
    }
  }

  TEST_CASE("a truncated or damaged file is named so") {
    const TemporaryDirectory directory;
    const fs::path file = directory.path / "orch.db";
    REQUIRE(open_file(file));
    const std::uintmax_t size = fs::file_size(file);
    SUBCASE("truncated") {
      fs::resize_file(file, size / 2);
    }
    SUBCASE("without a part of its last page, which SQLite does not notice") {
      fs::resize_file(file, size - 100);
    }
    SUBCASE("overwritten") {
      std::fstream damage(file, std::ios::in | std::ios::out);
      damage.seekp(100);
      damage << std::string(static_cast<std::size_t>(size) - 100, 'x');
    }
    check_refused(file, ErrorKind::Broken, "is damaged or truncated");
  }

  TEST_CASE("a read-only database is refused before anything is tried") {
    const TemporaryDirectory directory;
    const fs::path file = directory.path / "orch.db";
    REQUIRE(open_file(file));
    check_refused("file:" + file.string() + "?mode=ro", ErrorKind::Denied, "is read-only");
  }

  TEST_CASE("a database that another process keeps locked is given up after the bound") {
    const TemporaryDirectory directory;
    const fs::path file = directory.path / "orch.db";
    const auto one = open_file(file);
    const auto other = open_file(file);
    REQUIRE(one.has_value());
    REQUIRE(other.has_value());
    REQUIRE((*one)->execute("begin exclusive"));
    const auto blocked = (*other)->execute("delete from kv_store");
    REQUIRE_FALSE(blocked.has_value());
    CHECK(blocked.error().kind == ErrorKind::Unreachable);
    CHECK(blocked.error().message.find("locked by another process for 50 ms") != std::string::npos);
    CHECK(blocked.error().message.find(file.string()) != std::string::npos);
    // Reading goes on, and so does everything once the other one is done.
    CHECK((*other)->select("select count(*) from kv_store", {}, [](const Row&) {}).has_value());
    REQUIRE((*one)->execute("commit"));
    CHECK((*other)->execute("delete from kv_store").has_value());
  }

  TEST_CASE("a database that cannot grow says so, and nothing half written stays") {
    const TemporaryDirectory directory;
    const fs::path file = directory.path / "orch.db";
    const auto opened = open_file(file);
    REQUIRE(opened.has_value());
    Database& database = **opened;
    REQUIRE(database.execute("pragma max_page_count = 1"));  // the present size, as it is larger
    const auto done = database.transaction([&]() -> Result<> {
      for (std::int64_t i = 0; i < 100; ++i) {
        ORCH_TRY(database.execute("insert into kv_store (store_key, store_value) values (?, ?)",
                                  {i, std::string(10'000, 'v')}));
      }
      return {};
    });
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().kind == ErrorKind::Broken);
    CHECK(done.error().message.find("the disk is full") != std::string::npos);
    std::int64_t rows = -1;
    REQUIRE(database.select("select count(*) from kv_store", {},
                            [&rows](const Row& row) { rows = row.integer(0); }));
    CHECK(rows == 0);
  }

  TEST_CASE("several connections that deploy and write at once neither fail nor lose a row") {
    const TemporaryDirectory directory;
    const std::string file = directory.path / "orch.db";
    constexpr int kWriters = 4;
    constexpr int kRows = 50;
    std::atomic<int> failures{0};
    const auto write = [&](int writer) {
      const auto opened = open_file(file, std::chrono::seconds(30));
      if (!opened) {
        MESSAGE(opened.error().message);
        ++failures;
        return;
      }
      for (int i = 0; i < kRows; ++i) {
        const std::string key = std::to_string(writer) + "-" + std::to_string(i);
        const auto done = (*opened)->transaction([&]() -> Result<> {
          ORCH_TRY((*opened)->execute(
              "insert into kv_store (store_key, store_value) values (?, 'v')", {key}));
          ORCH_TRY((*opened)->execute("update active_node set hostname = ?", {key}));
          return {};
        });
        if (!done) ++failures;
      }
    };
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kWriters; ++i)
        threads.emplace_back(write, i);
    }
    CHECK(failures == 0);
    const auto opened = open_file(file);
    REQUIRE(opened.has_value());
    std::string seen;
    REQUIRE((*opened)->select("select count(*) from kv_store", {},
                              [&seen](const Row& row) { seen = row.text(0); }));
    CHECK(seen == std::to_string(kWriters * kRows));
    REQUIRE((*opened)->select("pragma integrity_check", {},
                              [&seen](const Row& row) { seen = row.text(0); }));
    CHECK(seen == "ok");
    REQUIRE((*opened)->select("pragma journal_mode", {},
                              [&seen](const Row& row) { seen = row.text(0); }));
    CHECK(seen == "wal");
  }

  TEST_CASE("one connection serves several threads") {
    MemoryBackend backend;
    std::atomic<int> failures{0};
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < 50; ++i) {
            const auto done = backend.database().execute(
                "insert into kv_store (store_key, store_value) values (?, 'v')",
                {std::int64_t{t * 1000 + i}});
            if (!done) ++failures;
          }
        });
      }
    }
    CHECK(failures == 0);
    CHECK(backend.value("select count(*) from kv_store") == "200");
  }

  TEST_CASE("a backend that is not described, or none that we know, is refused with what to set") {
    BackendSettings settings;
    settings.backend_db = "mysql";
    const auto opened = open_backend(settings, {}, FakeClock());
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().kind == ErrorKind::InvalidInput);
    CHECK(opened.error().message.find("BackendDB to sqlite") != std::string::npos);
    settings.backend_db = "oracle";
    const auto strange = open_backend(settings, {}, FakeClock());
    REQUIRE_FALSE(strange.has_value());
    CHECK(strange.error().message.find("neither mysql nor sqlite") != std::string::npos);
  }
}

}  // namespace orch::storage

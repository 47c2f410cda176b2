#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "core/base/text.h"
#include "storage/open.h"
#include "tests/support/fake_clock.h"

namespace orch::storage {

/// The error of a result in a test's output.
template <typename T>
std::string why(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

/// An empty backend in memory, or in `file`, and a clock that stands still. With
/// ORCH_TEST_BACKEND=host:port:user:password in the environment a new schema of that MySQL server
/// instead, which is dropped in the end.
struct MemoryBackend {
  explicit MemoryBackend(const std::string& file = ":memory:") {
    if (const char* server = std::getenv("ORCH_TEST_BACKEND"); server != nullptr) {
      static int number = 0;
      const std::vector<std::string> parts = words(server, ":");
      REQUIRE(parts.size() == 4);
      settings.backend_db = "mysql";
      settings.mysql_orchestrator_host = parts[0];
      settings.mysql_orchestrator_port = parse_uint(parts[1]).value_or(0);
      settings.mysql_orchestrator_user = parts[2];
      settings.mysql_orchestrator_password = Secret(parts[3]);
      schema = "orch_test_" + std::to_string(++number);
      settings.mysql_orchestrator_database = schema;
    } else {
      settings.backend_db = "sqlite";
      settings.sqlite3_data_file = file;
    }
    owner = open();
  }
  ~MemoryBackend() {
    if (owner && !schema.empty()) {
      const auto dropped = owner->execute("drop database " + schema);
      CHECK_MESSAGE(dropped.has_value(), why(dropped));
    }
  }
  MemoryBackend(const MemoryBackend&) = delete;
  MemoryBackend& operator=(const MemoryBackend&) = delete;

  Database& database() { return *owner; }
  /// One more connection; of one in memory it would see another database.
  [[nodiscard]] std::unique_ptr<Database> open() const {
    auto opened = open_backend(settings, {.version = "test"}, clock);
    REQUIRE_MESSAGE(opened.has_value(), why(opened));
    return *std::move(opened);
  }
  /// One value as text, for looking at the tables themselves.
  std::string value(std::string_view sql) {
    std::string text = "no row";
    const auto done = owner->select(
        sql, {}, [&text](const Row& row) { text = row.is_null(0) ? "NULL" : row.text(0); });
    REQUIRE_MESSAGE(done.has_value(), why(done));
    return text;
  }
  void run(std::string_view script) {
    const auto done = owner->execute_script(script);
    REQUIRE_MESSAGE(done.has_value(), why(done));
  }

  FakeClock clock;
  BackendSettings settings;
  std::string schema;
  std::unique_ptr<Database> owner;
};

}  // namespace orch::storage

#pragma once

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "storage/open.h"
#include "tests/support/fake_clock.h"

namespace orch::storage {

/// The error of a result in a test's output.
template <typename T>
std::string why(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

/// An empty backend in memory, and a clock that stands still.
struct MemoryBackend {
  MemoryBackend() {
    BackendSettings settings;
    settings.backend_db = "sqlite";
    settings.sqlite3_data_file = ":memory:";
    auto opened = open_backend(settings, {.version = "test"}, clock);
    REQUIRE_MESSAGE(opened.has_value(), why(opened));
    owner = *std::move(opened);
  }

  Database& database() { return *owner; }
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
  std::unique_ptr<Database> owner;
};

}  // namespace orch::storage

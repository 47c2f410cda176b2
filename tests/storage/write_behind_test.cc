#include "storage/write_behind.h"

#include <atomic>

#include <doctest/doctest.h>

namespace orch::storage {

namespace {

using std::chrono::steady_clock;

Observation seen_server(const std::string& host, std::uint32_t id) {
  Observation seen;
  seen.outcome = ProbeOutcome::Clean;
  seen.instance.key = seen.asked = {host, 3306};
  seen.instance.server.id = id;
  return seen;
}

/// What was written, by server: the latest.
class Backend {
 public:
  Result<> write(std::span<const Observation> batch) {
    const MutexLock lock(mutex_);
    ++writes;
    if (broken) return fail(ErrorKind::Unreachable, "the backend is away");
    for (const Observation& seen : batch)
      kept[seen.instance.key] = seen.instance.server.id;
    return {};
  }
  void set_broken(bool on) {
    const MutexLock lock(mutex_);
    broken = on;
  }
  std::map<InstanceKey, std::uint32_t> all() {
    const MutexLock lock(mutex_);
    return kept;
  }

  Mutex mutex_;
  std::map<InstanceKey, std::uint32_t> kept;
  int writes{0};
  bool broken{false};
};

bool flushed(WriteBehind& behind) {
  return behind.flush(steady_clock::now() + std::chrono::seconds(30));
}

}  // namespace

TEST_SUITE("write_behind") {
  TEST_CASE("of a server that was looked at twice the latest is written, once") {
    Backend backend;
    WriteBehind behind([&](auto batch) { return backend.write(batch); }, std::chrono::hours(1),
                       100);
    behind.add(seen_server("a", 1));
    behind.add(seen_server("b", 2));
    behind.add(seen_server("a", 3));
    CHECK(behind.holds({"a", 3306}));
    REQUIRE(flushed(behind));
    CHECK(backend.all() ==
          std::map<InstanceKey, std::uint32_t>{{{"a", 3306}, 3}, {{"b", 3306}, 2}});
    CHECK(backend.writes == 1);
    CHECK_FALSE(behind.holds({"a", 3306}));
  }

  TEST_CASE("what could not be written waits, and what came since wins") {
    Backend backend;
    backend.broken = true;
    std::vector<WriteBehind::Batch> told;
    WriteBehind behind([&](auto batch) { return backend.write(batch); }, std::chrono::hours(1), 100,
                       [&](const WriteBehind::Batch& batch) { told.push_back(batch); });
    behind.add(seen_server("a", 1));
    behind.add(seen_server("b", 1));
    REQUIRE(flushed(behind));
    CHECK(behind.figures().waiting == 2);
    behind.add(seen_server("a", 2));
    backend.set_broken(false);
    REQUIRE(flushed(behind));
    REQUIRE(told.size() == 1);  // what failed is not told
    CHECK(told[0].records == 2);
    CHECK(told[0].waited.count() > 0);
    CHECK(backend.all() ==
          std::map<InstanceKey, std::uint32_t>{{{"a", 3306}, 2}, {{"b", 3306}, 1}});
    CHECK(behind.figures().failed_writes == 1);
  }

  TEST_CASE("a large number goes in batches, and the end writes what waits") {
    Backend backend;
    {
      WriteBehind behind([&](auto batch) { return backend.write(batch); }, std::chrono::hours(1),
                         10);
      for (int i = 0; i < 25; ++i)
        behind.add(seen_server("host" + std::to_string(i), 1));
      behind.forget({{"host3", 3306}});
    }
    CHECK(backend.all().size() == 24);
    CHECK(backend.writes == 3);
  }
}

}  // namespace orch::storage

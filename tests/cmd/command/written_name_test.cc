#include "cmd/command/written_name.h"

#include <doctest/doctest.h>

#include "cmd/command/observe.h"
#include "storage/hostname_store.h"
#include "tests/cmd/command/command_fixture.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

namespace orch::cmd {

namespace {

using test::db;

/// Answers to "vip" as the server that it is told.
class Renamed final : public ForwardingServers {
 public:
  using ForwardingServers::ForwardingServers;

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    if (key.hostname != "vip") return ForwardingServers::probe(key, deadline);
    ++asked;
    Observation seen = ForwardingServers::probe(behind, deadline);
    seen.asked = key;
    seen.resolved.push_back({key.hostname, behind.hostname});
    return seen;
  }
  InstanceKey behind = db(2);
  int asked{0};
};

struct NamedFixture : CommandFixture {
  NamedFixture() {
    living.add(test::mysql(2, test::gtids("1-9")));
    living.add(test::mysql(3, test::gtids("1-9")));
    servers = &renamed;
  }
  storage::HostnameStore names() { return {database(), clock}; }
  Result<std::string> name_of(WrongName wrong) {
    const Services made = services();
    return written_name(made, wrong)(db(2),
                                     std::chrono::steady_clock::now() + std::chrono::seconds(10));
  }

  /// Moves db3 from db1 below db2.
  Result<Reply> move(Args how = {}) {
    living.add(test::writable(test::mysql(1, test::gtids("1-9"))));
    living.add(test::following(test::mysql(2, test::gtids("1-9")), 1));
    living.add(test::following(test::mysql(3, test::gtids("1-9")), 1));
    for (int number = 1; number <= 3; ++number) {
      REQUIRE(probe_and_record(services(), db(number)));
    }
    how.instance = "db3";
    how.destination = "db2";
    return run("relocate", how);
  }

  test::FakeServers living;
  Renamed renamed{living};
};

}  // namespace

TEST_SUITE("cmd/command/written_name") {
  TEST_CASE_FIXTURE(NamedFixture,
                    "a source is written by its virtual name, once it answers to it") {
    CHECK(name_of(WrongName::Refuse).value_or("") == "db2");
    REQUIRE(names().save_unresolved("db2", "vip"));
    CHECK(name_of(WrongName::Refuse).value_or("") == "vip");
    CHECK(names().find_resolved("vip").value_or(std::nullopt) == "db2");
  }

  TEST_CASE_FIXTURE(NamedFixture,
                    "a virtual name that was not registered for long is not written") {
    REQUIRE(names().save_unresolved("db2", "vip"));
    clock.advance(config.discovery.expiry_hostname_resolves_minutes + std::chrono::minutes(1));
    CHECK(name_of(WrongName::Refuse).value_or("") == "db2");
  }

  TEST_CASE_FIXTURE(NamedFixture, "a virtual name that leads elsewhere or nowhere is not written") {
    REQUIRE(names().save_unresolved("db2", "vip"));
    SUBCASE("another server answers to it") {
      renamed.behind = db(3);
    }
    SUBCASE("nobody does") {
      living.kill(db(2));
    }
    CHECK_FALSE(name_of(WrongName::Refuse));
    CHECK(name_of(WrongName::UseOwn).value_or("") == "db2");
  }

  TEST_CASE_FIXTURE(NamedFixture, "a binlog server's virtual name is trusted, unless told not to") {
    living.set(db(3), [](Instance& it) { it.server.binlog_server = true; });
    renamed.behind = db(3);
    REQUIRE(names().save_unresolved("db2", "vip"));
    CHECK(name_of(WrongName::Refuse).value_or("") == "vip");
    config.discovery.skip_binlog_server_unresolve_check = false;
    CHECK_FALSE(name_of(WrongName::Refuse));
  }

  TEST_CASE_FIXTURE(NamedFixture, "a move that would write a wrong name changes nothing") {
    REQUIRE(names().save_unresolved("db2", "vip"));
    renamed.behind = db(3);
    const Result<Reply> moved = move();
    REQUIRE_FALSE(moved);
    CHECK(moved.error().kind == ErrorKind::Refused);
    CHECK(living.changes().empty());
    const Result<Reply> shown = move({.dry_run = true});
    REQUIRE_FALSE(shown);
    CHECK(shown.error().kind == ErrorKind::Refused);
    CHECK(shown.error().message == moved.error().message);
  }

  TEST_CASE_FIXTURE(NamedFixture, "a move shows the name that it would write") {
    REQUIRE(names().save_unresolved("db2", "vip"));
    Args how{.dry_run = true};
    std::string host = "vip";
    SUBCASE("the virtual one") {}
    SUBCASE("the source's own, where that is asked for") {
      how.skip_unresolve = true;
      host = "db2";
    }
    SUBCASE("the source's own, where the virtual one is wrong and that is to be let pass") {
      how.skip_unresolve_check = true;
      renamed.behind = db(3);
      host = "db2";
    }
    const Result<Reply> shown = move(how);
    REQUIRE(shown);
    CHECK(shown->text.find("SOURCE_HOST='" + host + "'") != std::string::npos);
    CHECK((renamed.asked == 0) == how.skip_unresolve);
  }
}

}  // namespace orch::cmd
